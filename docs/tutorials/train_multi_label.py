"""Trains AssembleNet on clips that show several things each, and scores it by mAP.

    python docs/tutorials/train_multi_label.py --table=videos.csv --steps=20000 \\
        --model=assemblenet50 --frames=32 --size=224 --batch_size=16 --workdir=runs/mine

The table has a row for each video, or part of one: `path,labels,start,end,split`, with
several labels as `run|wave`. Without it the tutorial writes small videos in which two
or three movements follow each other, and trains a thin graph, as this is meant to take
four minutes on two cores. Started again with the same --workdir it goes on.
"""

import argparse
import random
from pathlib import Path

import numpy as np

import zoo
from datasets.prepare import moving_shapes
from datasets.table import VideoTable
from search.spaces.assemblenet import AssembleNetSpace
from zoo.evaluate import evaluate
from zoo.train import train
from zoo.training import Recipe


def main():
    """Goes through the tutorial."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", help="a CSV table of videos")
    parser.add_argument("--model", help="a graph of AssembleNet by name")
    parser.add_argument("--frames", type=int, default=8, help="of a clip")
    parser.add_argument("--rate", type=float, default=6.0, help="of a clip, a second")
    parser.add_argument("--size", type=int, default=32, help="of a clip, in pixels")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--batch_size", type=int, default=8)
    parser.add_argument("--workdir", default="runs/tutorial_labels")
    given = parser.parse_args()
    workdir = Path(given.workdir)
    workdir.mkdir(parents=True, exist_ok=True)

    # 1. Clips. That labels are several the table itself shows; the loss is then of
    #    sigmoids, and the score a mean average precision.
    table = given.table
    if table is None:
        moving_shapes(
            str(workdir / "videos"), task="multi", videos_per_class=5, seconds=4
        )
        table = workdir / "videos" / "table.csv"
    clips = VideoTable(str(table))
    print(f"{len(clips.classes)} labels, {clips.size('train')} videos to train on")

    # 2. A network: a published graph by its name, or a new one. This is one of the
    #    first population of a search, of 26 layers and a sixteenth of the channels. Its
    #    optical flow is computed from the RGB clip, inside.
    model = given.model
    if model is None:
        space = AssembleNetSpace(depth=26, width=1 / 16, dilations=(1, 2), frames=8)
        model = workdir / "graph.json"
        model.write_text(space.sample(random.Random(0)).to_json(), encoding="utf-8")
    zoo.draw(model, workdir / "graph.svg")
    print(f"The graph is drawn in {workdir / 'graph.svg'}")

    # 3. The training. The classifier takes the greatest of all times (pooling="max"),
    #    as an action fills only a part of a clip: the paper does so for Charades.
    spec = zoo.ClipSpec(given.frames, given.rate, height=given.size, width=given.size)
    recipe = Recipe(
        steps=given.steps,
        batch_size=given.batch_size,
        learning_rate=0.05,
        warmup_steps=given.steps // 10,
        clip_norm=5.0,
    )
    how = {"pooling": "max", "flow": "tvl1"}
    train(str(workdir / "model"), str(model), clips, recipe, spec, **how)

    # 4. The score of whole videos: the greatest of five clips along each. That of each
    #    label stands in model/evaluation-test/.
    scores = evaluate(str(workdir / "model"), clips, views=5, join="max")
    print(f"mAP {scores['map']:.3f} of {scores['clips']} test videos")

    # 5. Its use: labels above a threshold, of what your own code has decoded.
    predictor = zoo.Predictor(workdir / "model")
    frames = np.zeros((given.frames, 48, 64, 3), "uint8")
    chances = dict(zip(predictor.classes, predictor(frames), strict=True))
    print("A black screen shows", [name for name, p in chances.items() if p > 0.5])


if __name__ == "__main__":
    main()
