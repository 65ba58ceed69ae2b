"""The graphs of each model with a batch of noise: for the audit of operators (small) and the report (as published).

Each module here has

    training_step(level="O0", small=False, flags=())    the update of the default settings and `flags`, with mixed
                                                        precision of that level, which brings a dynamic loss scale
                                                        -> step, tuple of the Tensors of a batch, images in it
    inference(small=False, flags=())                    -> network, tuple of its inputs, images in them
    GRAPHS                                              names of functions that give network or step, and inputs: what
                                                        the audit looks at, with narrow networks and small images
"""
