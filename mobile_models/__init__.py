"""The published format: what a release is, how it is signed, and how a phone reads it.

The bottom of the house. Nothing here imports another package of Wastelens, a web framework,
a database, a queue, TensorFlow or Keras.
"""
