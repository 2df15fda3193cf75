"""The official data sets as builders of TensorFlow Datasets.

    import datasets.builders
    import tensorflow_datasets as tfds
    config = tfds.download.DownloadConfig(manual_dir="/data/k400")
    builder = tfds.builder("kinetics400/encoded", data_dir="/data/tfds")
    builder.download_and_prepare(download_config=config)
    tfds.load("kinetics400", split="train", data_dir="/data/tfds")

Nothing is downloaded: `manual_dir` is the data set's folder, as `datasets.load` reads
it. The builders go before those of TensorFlow Datasets, which has a "ucf101" of its own
that needs ffmpeg. There is one class, of which the catalogue makes them all.
"""

import dataclasses
import inspect
import logging
import types
from collections.abc import Iterator
from typing import ClassVar

import av
import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core import registered

from datasets.catalog import OFFICIAL, data_set_class, load
from datasets.decode import BrokenVideoError, reason
from datasets.hmdb51 import FOLDS
from datasets.items import Item, path_in
from datasets.order import SPLITS
from datasets.transcode import Form, jpegs, video_bytes

LOGGER = logging.getLogger(__name__)
FOLDED = ("hmdb51", "ucf101")
SHORT_SIDE = 256
# Authors, title, where and when it appeared, and its address.
PAPERS = {
    "charades": (
        "Sigurdsson, Gunnar A. and Varol, Gül and Wang, Xiaolong and Farhadi, Ali and "
        "Laptev, Ivan and Gupta, Abhinav",
        "Hollywood in Homes: Crowdsourcing Data Collection for Activity Understanding",
        "ECCV",
        2016,
        "https://arxiv.org/abs/1604.01753",
    ),
    "hmdb51": (
        "Kuehne, H. and Jhuang, H. and Garrote, E. and Poggio, T. and Serre, T.",
        "HMDB: A Large Video Database for Human Motion Recognition",
        "ICCV",
        2011,
        "https://doi.org/10.1109/ICCV.2011.6126543",
    ),
    "kinetics400": (
        "Kay, Will and Carreira, Joao and others",
        "The Kinetics Human Action Video Dataset",
        "arXiv",
        2017,
        "https://arxiv.org/abs/1705.06950",
    ),
    "mlb_continuous": (
        "Piergiovanni, AJ and Ryoo, Michael S.",
        "Fine-grained Activity Recognition in Baseball Videos",
        "CVPR Workshops",
        2018,
        "https://arxiv.org/abs/1804.03247",
    ),
    "mlb_youtube": (
        "Piergiovanni, AJ and Ryoo, Michael S.",
        "Fine-grained Activity Recognition in Baseball Videos",
        "CVPR Workshops",
        2018,
        "https://arxiv.org/abs/1804.03247",
    ),
    "moments": (
        "Monfort, Mathew and others",
        "Moments in Time Dataset: one million videos for event understanding",
        "IEEE Transactions on Pattern Analysis and Machine Intelligence",
        2019,
        "https://arxiv.org/abs/1801.03150",
    ),
    "multi_moments": (
        "Monfort, Mathew and others",
        "Multi-Moments in Time: Learning and Interpreting Models for Multi-Action "
        "Video Understanding",
        "arXiv",
        2019,
        "https://arxiv.org/abs/1911.00232",
    ),
    "something_something_v2": (
        "Goyal, Raghav and others",
        'The "something something" video database for learning and evaluating visual '
        "common sense",
        "ICCV",
        2017,
        "https://arxiv.org/abs/1706.04261",
    ),
    "ucf101": (
        "Soomro, Khurram and Zamir, Amir Roshan and Shah, Mubarak",
        "UCF101: A Dataset of 101 Human Actions Classes From Videos in The Wild",
        "arXiv",
        2012,
        "https://arxiv.org/abs/1212.0402",
    ),
}
# Data sets whose videos have any number of labels; those of the others have one.
MULTI_LABEL = ("charades", "mlb_continuous", "mlb_youtube", "multi_moments")


@dataclasses.dataclass(eq=False)
class VideoConfig(tfds.core.BuilderConfig):
    """In what form videos are stored, and which of a data set's are.

    Args:
        form: Of the videos.
        fold: Of HMDB51 and UCF101; None is the first.
    """

    form: Form = dataclasses.field(default_factory=Form)
    fold: int | None = None


class VideoBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Builds an official data set; the classes made of this one say which."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "As the official files say."}

    def _info(self) -> tfds.core.DatasetInfo:
        features, single = tfds.features, self.name not in MULTI_LABEL
        # The names come with the official files.
        label = features.ClassLabel()
        content = {"video": features.Text(doc="The whole file.")}
        if self.builder_config.form.frames:
            picture = features.Image(shape=(None, None, 3), encoding_format="jpeg")
            times = features.Sequence(features.Scalar(np.float32), doc="In seconds.")
            content = {"frames": features.Sequence(picture), "times": times}
        return tfds.core.DatasetInfo(
            builder=self,
            description=_text(self.name),
            features=features.FeaturesDict(
                {
                    **content,
                    "key": features.Text(doc="The file's path in the data set."),
                    **(
                        {"label": label}
                        if single
                        else {"labels": features.Sequence(label)}
                    ),
                }
            ),
            supervised_keys=(next(iter(content)), "label" if single else "labels"),
            homepage=PAPERS[self.name][-1],
            citation=_citation(self.name),
        )

    def _split_generators(self, dl_manager) -> dict:
        fold, root = self.builder_config.fold, str(dl_manager.manual_dir)
        source = load(self.name, data_dir=root, **({"fold": fold} if fold else {}))
        found = self.info.features
        label = found["label"] if source.task == "single" else found["labels"].feature
        label.names = list(source.classes)
        splits = {split: source.items(split) for split in SPLITS}
        if splits["test"] == splits["validation"]:
            del splits["test"]  # No labels of it are published.
        return {
            split: self._generate_examples(items, root)
            for split, items in splits.items()
            if items
        }

    def _generate_examples(
        self, items: list[Item], root: str
    ) -> Iterator[tuple[str, dict]]:
        for item in items:
            key = path_in(root, item.path)
            try:
                content = self._content(item)
            except (BrokenVideoError, av.FFmpegError, OSError) as error:
                LOGGER.warning("%s is broken and left out: %s", key, reason(error))
                continue
            labels = list(item.labels)
            several = self.name in MULTI_LABEL
            label = {"labels": labels} if several else {"label": labels[0]}
            yield key, {**content, "key": key, **label}

    def _content(self, item: Item) -> dict:
        form = self.builder_config.form
        if not form.frames:
            return {"video": video_bytes(item.path, form)}
        times, files, _ = jpegs(item.path, form)
        return {"frames": files, "times": times}


class Provider:
    """Tells TensorFlow Datasets of builders that are in no registry.

    A registry takes a name once, and fails all of TensorFlow Datasets when it comes to
    its own "ucf101".
    """

    def has_dataset(self, name: str) -> bool:
        """Whether there is a builder of the name."""
        return name in BUILDERS

    def get_builder_cls(self, name: str) -> type[VideoBuilder]:
        """The builder of the name."""
        return BUILDERS[name]


def _builder(name: str) -> type[VideoBuilder]:
    kind = data_set_class(name)
    return types.new_class(
        f"{kind.__name__}Builder",
        (VideoBuilder,),
        {"skip_registration": True},
        lambda body: body.update(
            name=name,
            __doc__=f"Builds {name}.",
            __module__=__name__,
            MANUAL_DOWNLOAD_INSTRUCTIONS=_text(name),
            BUILDER_CONFIGS=_configs(name),
        ),
    )


def _configs(name: str) -> list[VideoConfig]:
    """Files as they are, and JPEG frames, of each fold where there are some."""
    jpeg = f"All frames as JPEG, of short side {SHORT_SIDE} where they are larger"
    forms = {
        "encoded": (Form(), "Video files as they are"),
        "frames": (Form(frames=True, short_side=SHORT_SIDE), jpeg),
    }
    return [
        VideoConfig(
            name=f"{word}_fold{fold}" if fold and fold > 1 else word,
            description=f"{text}; fold {fold}." if fold else f"{text}.",
            form=form,
            fold=fold,
        )
        for word, (form, text) in forms.items()
        for fold in (FOLDS if name in FOLDED else (None,))
    ]


def _text(name: str) -> str:
    """What the data set's class says of it and of its files."""
    text = inspect.getdoc(data_set_class(name)).partition("\nArgs:")[0].strip()
    return text.replace("`data_dir`", "`manual_dir`")


def _citation(name: str) -> str:
    authors, title, place, year, address = PAPERS[name]
    return "\n".join(
        (
            f"@article{{{name},",
            f"  author = {{{authors}}},",
            f"  title = {{{title}}},",
            f"  journal = {{{place}}},",
            f"  year = {{{year}}},",
            f"  url = {{{address}}},",
            "}",
        )
    )


BUILDERS = {name: _builder(name) for name in OFFICIAL}
registered.add_dataset_builder_provider(Provider(), index=0)
