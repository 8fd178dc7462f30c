"""What the scripts share, in rooms: each imports only from those before it.

core, cluster, data, models, video, features, evaluation, training, inference,
study, synthetic; see docs/architecture.md.
"""

import os

# The chatter of TensorFlow and of the video decoders would bury the few lines
# a user should read. All of these are read when a library is first imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
# TensorFlow uses oneDNN by itself only on the newest CPUs, but it is faster on
# older ones, too.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
# A notebook sets a backend for its own windows, which no script has.
if os.environ.get("MPLBACKEND", "").startswith("module://"):
    del os.environ["MPLBACKEND"]
