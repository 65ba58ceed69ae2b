"""CMR: convolutional mesh regression from one picture of a person."""
