import pytest

from datasets.mirror import partners


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (("walk", "jump"), (0, 1)),
        (("move_left", "move_right", "move_up"), (1, 0, 2)),
        (("TurnRight", "TurnLeft"), (1, 0)),
        (("turn clockwise", "turn anticlockwise"), (1, 0)),
        (("counterclockwise", "wave", "clockwise"), (2, 1, 0)),
        (("leftwards", "rightwards"), (1, 0)),
        (("move_left", "move_up"), (None, 1)),
        (("Left turn", "left turn", "jump"), (None, None, 2)),
        (("Walk", "walk"), (0, 1)),
        (("bright_lights", "light_blefts"), (0, 1)),
        (
            (
                "Pulling something from left to right",
                "Pulling something from right to left",
                "Turning the camera right while filming something",
                "Turning the camera left while filming something",
                "Pushing something onto something",
            ),
            (1, 0, 3, 2, 4),
        ),
    ],
)
def test_finds_mirror_images_by_their_names(classes, expected):
    assert partners(classes) == expected
