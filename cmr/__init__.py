"""CMR: convolutional mesh regression from one image of a person."""
