"""Searches a network for a folder of videos and a latency, trains it and uses it.

    python docs/tutorials/search_my_folder.py --videos=FOLDER --latency_ms=20 \\
        --trials=200 --search_steps=500 --steps=5000 --workdir=runs/mine

FOLDER holds videos in folders named by their class. Without it the tutorial writes 240
small videos of twelve movements, and takes about three minutes on two cores. Started
again with the same --workdir it goes on where it was.
"""

import argparse
import functools
import itertools
from pathlib import Path

import av
import numpy as np

import zoo
from datasets.folder import VideoFolder
from datasets.prepare import moving_shapes
from search.budget import Budget
from search.run import search
from search.spaces.tiny_video import TinyVideoSpace
from search.tournament import TournamentOracle
from zoo.evaluate import evaluate
from zoo.train import train
from zoo.training import Recipe


def main():
    """Goes through the tutorial."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--videos", help="a folder of folders named by their class")
    parser.add_argument("--latency_ms", type=float, default=10.0, help="of a clip")
    parser.add_argument("--trials", type=int, default=8, help="networks to train")
    parser.add_argument("--search_steps", type=int, default=40, help="of each of them")
    parser.add_argument("--steps", type=int, default=400, help="of the best")
    parser.add_argument("--workdir", default="runs/tutorial")
    given = parser.parse_args()
    workdir = Path(given.workdir)

    # 1. Clips. A class with few videos, or videos that are broken, are told of here;
    #    `python -m datasets.check FOLDER` tells more.
    videos = given.videos
    if videos is None:
        videos = workdir / "videos"
        moving_shapes(str(videos))
    clips = VideoFolder(str(videos))
    print(f"{len(clips.classes)} classes, {clips.size('train')} videos to train on")

    # 2. A space: which networks there are. The defaults are the paper's whole space, of
    #    networks for a GPU and up to 128 frames; these are small ones, for videos of
    #    your own those of gin/search/tiny_video_small.gin.
    # 3. A budget. What breaks a limit on paper (parameters, MACs, memory) is never
    #    built; what takes longer on this machine is never trained. The limit of MACs
    #    for the tutorial's videos is so low that it alone counts.
    if given.videos is None:
        space = TinyVideoSpace(
            frames=(6, 8),
            sizes=(24, 40),
            blocks=(2, 3),
            repeats=(1, 1),
            filters=(16, 48),
        )
        budget = Budget(latency_ms=given.latency_ms, macs=40e6)
    else:
        space = TinyVideoSpace(
            frames=(2, 16),
            rates=(2, 12),
            sizes=(48, 128),
            blocks=(2, 5),
            repeats=(1, 3),
            filters=(16, 128),
            expands=(1, 4),
            kernels=(1, 5),
            strides=(1, 3),
            temporal_kernels=(1, 5),
            temporal_strides=(1, 3),
        )
        budget = Budget(latency_ms=given.latency_ms, macs=1e9)

    # 4. The search: the best of random samples is mutated. runs/.../search/best.json is
    #    the best so far, history.csv a line for each; `python -m search.report` draws.
    evolution = functools.partial(
        TournamentOracle,
        space,
        budget=budget,
        population_size=4,
        sample_size=2,
        max_trials=given.trials,
    )
    recipe = Recipe(steps=given.search_steps, batch_size=16, warmup_steps=4)
    best = search(evolution, clips, str(workdir / "search"), recipe, dropout=0.0)
    latency = best.details["latency_ms"]
    print(f"The best of {given.trials}: {best.fitness:.3f}, {latency:.1f} ms")

    # 5. The training of the best, longer, from new weights.
    recipe = Recipe(steps=given.steps, batch_size=16, warmup_steps=40, clip_norm=5.0)
    genotype, model = workdir / "search" / "best.json", workdir / "model"
    train(str(model), str(genotype), clips, recipe, save_every=100)

    # 6. How good it is, on videos that neither the search nor the training has seen.
    scores = evaluate(str(model), clips)
    print(f"Right for {scores['top1']:.0%} of {scores['clips']} test videos")

    # 7. Its use, on frames as they come: of any size and rate, in uint8.
    predictor = zoo.Predictor(model)
    path = clips.items("test")[0].path
    with av.open(path) as file:
        start = itertools.islice(file.decode(video=0), 300)  # It may be an hour long.
        frames = [frame.to_ndarray(format="rgb24") for frame in start]
        rate = float(file.streams.video[0].average_rate or 25)  # Some tell none.
    for name, chance in predictor.best(np.stack(frames), top=3, rate=rate):
        print(f"{path}: {name} {chance:.0%}")


if __name__ == "__main__":
    main()
