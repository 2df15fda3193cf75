import numpy as np
import pytest
from matplotlib.image import imread

from datasets.moving_shapes import MovingShapes
from datasets.sheet import label_text, sheet
from zoo.genotypes import ClipSpec

TINY = ClipSpec(frames=2, rate=4.0, height=16, width=16)


def test_a_sheet_has_a_row_for_each_clip(tmp_path, capsys):
    clips = MovingShapes(videos_per_class=2)
    path = sheet(clips, str(tmp_path / "new" / "a.png"), TINY, rows=2)
    picture = imread(path)
    assert picture.shape[:2] == (350, 300)
    assert picture.std() > 0.05  # Something is drawn.
    assert capsys.readouterr().out == f"2 training clips: {path}\n"


@pytest.mark.parametrize(
    ("label", "text"),
    [
        (np.int32(1), "jump"),
        (np.array([1.0, 0.0]), "fall"),
        (np.array([0.25, 0.75]), "25% fall, 75% jump"),
        (np.array([0.0, 0.0]), "no label"),
    ],
)
def test_labels_are_words(label, text):
    assert label_text(("fall", "jump"), np.asarray(label)) == text


def test_no_rows_are_refused(tmp_path):
    clips = MovingShapes(videos_per_class=2)
    with pytest.raises(ValueError, match="`rows` must be a whole number"):
        sheet(clips, str(tmp_path / "a.png"), TINY, rows=0)
