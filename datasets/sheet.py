"""The job that draws training clips: `python -m datasets.sheet --data=videos`."""

if __name__ == "__main__":  # First, as the libraries below write on the screen.
    from zoo import launch

    launch.main(
        "datasets.sheet.sheet",
        "--data=videos --out=sheet.png "
        '--gin_bindings="folder.VideoFolder.augmentation = @augment.Augmentation()"',
        out="the picture (default: sheet.png)",
    )

from pathlib import Path

import numpy as np

from datasets.order import check

FRAMES = 8  # Shown of each clip.


def sheet(
    clips, out: str = "sheet.png", clip_spec=None, rows: int = 8, seed: int = 0
) -> Path:
    """Draws training clips as a network sees them: a row for each, with its label.

    Args:
        clips: A clip source, with its augmentation.
        out: Path of the picture.
        clip_spec: Which clips to ask for; None is 8 frames of 112x112 pixels, 4 a
            second.
        rows: Clips.
        seed: Of the clips and of their augmentation.

    Returns:
        The picture's path.
    """
    from zoo.genotypes import ClipSpec

    check(type(rows) is int and rows >= 1, "rows", "a whole number of at least 1", rows)
    check(clips.size("train") > 0, "clips", "with training videos", "none")
    spec = clip_spec or ClipSpec(FRAMES, 4.0, 112, 112)
    pictures, labels, *_ = next(iter(clips.batches(spec, "train", rows, seed)))
    if isinstance(pictures, dict):  # With maps of objects.
        pictures = pictures["clip"]
    pictures = np.asarray(pictures)
    if pictures.shape[-1] == 2:  # Flow; red is to the right, green is down.
        still = np.zeros_like(pictures[..., :1])
        pictures = (np.concatenate([pictures, still], axis=-1) + 1) / 2
    names = [label_text(clips.classes, label) for label in np.asarray(labels)]
    _draw(Path(out), pictures, names)
    print(f"{rows} training clips: {out}", flush=True)
    return Path(out)


def label_text(classes, label: np.ndarray) -> str:
    """The classes that a label names, with their shares where they are mixed."""
    if label.ndim == 0:
        return classes[int(label)]
    parts = [
        name if share == 1 else f"{share:.0%} {name}"
        for name, share in zip(classes, label.tolist(), strict=True)
        if share
    ]
    return ", ".join(parts) or "no label"


def _draw(path: Path, clips: np.ndarray, names: list[str]) -> None:
    from matplotlib.figure import Figure  # Slow to import; without a screen's window.

    shown = np.linspace(0, clips.shape[1] - 1, min(FRAMES, clips.shape[1]))
    strips = clips[:, shown.round().astype(int), :, :, :3]
    strips = np.pad(strips, [(0, 0), (0, 0), (1, 1), (1, 1), (0, 0)])
    figure = Figure((1.5 * len(shown), 1.75 * len(clips)), layout="constrained")
    axes = figure.subplots(len(clips), squeeze=False)[:, 0]
    for place, strip, name in zip(axes, strips, names, strict=True):
        place.imshow(np.clip(np.concatenate(strip, axis=1), 0, 1))
        place.set_title(name, loc="left", fontsize=9)
        place.set_axis_off()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)
