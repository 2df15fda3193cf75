import keras
import numpy as np
import pytest

from zoo import checkpoints
from zoo.checkpoints import Progress


def variables(*values):
    return [keras.Variable(np.array(v, "float32"), name="w") for v in values]


def test_state_comes_back(tmp_path):
    path, saved, loaded = tmp_path / "c.npz", variables([1, 2], 3), variables([0, 0], 0)
    checkpoints.save(path, Progress(7, 0.5), saved)
    assert checkpoints.restore(path, loaded) == Progress(7, 0.5)
    assert loaded[0].numpy().tolist() == [1, 2]
    assert float(loaded[1].value) == 3


def test_no_score_yet_comes_back_as_none(tmp_path):
    checkpoints.save(tmp_path / "c.npz", Progress(7), variables(1))
    assert checkpoints.restore(tmp_path / "c.npz", variables(0)) == Progress(7)


def test_no_checkpoint_is_no_progress(tmp_path):
    assert checkpoints.restore(tmp_path / "c.npz", variables(0)) is None


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_are_no_numbers_leave_the_old_checkpoint(bad, tmp_path):
    path = tmp_path / "c.npz"
    checkpoints.save(path, Progress(1), variables(1))
    before = path.read_bytes()
    with pytest.raises(checkpoints.NotFinite, match="NaN or infinity in w"):
        checkpoints.save(path, Progress(2), variables(bad))
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"nothing"])
def test_damaged_checkpoint_is_told_in_a_line(content, tmp_path):
    path = tmp_path / "c.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="`workdir` must hold a checkpoint that"):
        checkpoints.restore(path, [])


@pytest.mark.parametrize("others", [[[1, 2, 3]], [[1, 2], 3], []])
def test_state_of_another_model_changes_nothing(others, tmp_path):
    path, current = tmp_path / "c.npz", variables(*others)
    checkpoints.save(path, Progress(1), variables([5, 6]))
    before = [keras.ops.convert_to_numpy(v).tolist() for v in current]
    with pytest.raises(ValueError, match="checkpoint of this model"):
        checkpoints.restore(path, current)
    assert [keras.ops.convert_to_numpy(v).tolist() for v in current] == before


def test_means_of_an_unfinished_row_come_back_exactly(tmp_path):
    path, means = tmp_path / "c.npz", (float(np.float32(0.1)), 3.0)
    checkpoints.save(path, Progress(7, 0.5, means), variables(1))
    assert checkpoints.restore(path, variables(0)) == Progress(7, 0.5, means)


def test_checkpoint_of_before_there_were_means_is_read(tmp_path):
    np.savez(tmp_path / "c.npz", step=7, best=0.5, **{"00000": np.float32(3)})
    current = variables(0)
    assert checkpoints.restore(tmp_path / "c.npz", current) == Progress(7, 0.5)
    assert float(current[0].value) == 3
