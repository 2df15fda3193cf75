"""Package metadata. Pinned versions are in constraints.txt, tools in pyproject.toml."""

import pathlib
import re

from setuptools import find_packages, setup

# Said in one place, and read without importing Keras.
FACE = pathlib.Path(__file__).with_name("zoo") / "__init__.py"
README = pathlib.Path(__file__).with_name("README.md")
TEXT = FACE.read_text(encoding="utf-8")
VERSION = re.search(r'^__version__ = "(.*)"$', TEXT, re.MULTILINE)[1]
JAX = ["jax>=0.10", "jaxlib>=0.10"]
REPORT = ["plotly>=7"]
EXPORT = ["ai-edge-litert>=2", "onnx>=1.17", "onnxruntime>=1.20", "tf2onnx>=1.17"]

setup(
    name="video-zoo",
    version=VERSION,
    description="Searched video networks, and the searches that find them, on Keras 3",
    long_description=README.read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    keywords=["video", "neural architecture search", "keras", "action recognition"],
    classifiers=[
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3.11",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=[*find_packages(include=["zoo*", "search*", "datasets*"]), "zoo.configs"],
    # The configs travel in the wheel as data of a package; `gin/` itself must not be
    # one, or it would shadow the gin library.
    package_dir={"zoo.configs": "gin"},
    package_data={
        "zoo.configs": ["*.gin", "*/*.gin"],
        "search": ["report_page.html"],
    },
    install_requires=[
        "absl-py>=2.1",
        "av>=18",
        "gin-config>=0.5",
        "grpcio>=1.66",
        "h5py>=3.11",
        "importlib_resources>=6",  # tensorflow-datasets imports it, undeclared.
        "keras>=3.12",
        "keras-tuner>=1.4.8",
        "matplotlib>=3.9",
        "numpy>=2",
        "safetensors>=0.5",
        "tensorboard>=2.20",  # keras-tuner imports it on TensorFlow, undeclared.
        "tensorflow>=2.20",
        "tensorflow-datasets>=4.9.9",
    ],
    extras_require={
        "dev": [
            *(
                "hypothesis>=6",
                "pytest>=8",
                "pytest-cov>=6",
                "pytest-xdist>=3.8",
                "ruff>=0.12",
                "pre-commit>=4",
                "psutil>=6",
            ),
            *EXPORT,
            *JAX,
            *REPORT,
        ],
        "jax": JAX,
        "report": REPORT,
        "bench": [
            "opencv-contrib-python-headless>=4.9",
            "pyglove>=0.4.5",
            "scipy>=1.14",
        ],
        "export": EXPORT,
        "gpu": ["tensorflow[and-cuda]>=2.20"],
    },
)
