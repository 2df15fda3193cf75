"""Tiny official data sets, written to folders as they are when downloaded.

The videos are empty files: an index does not look into them.
"""

import json

COUNT = 30  # Videos of each class, so that a tenth of them can be held out.


def plant(root, *videos, **texts):
    """Makes empty videos, and text files by names with / for __ and . for their last _.

    >>> plant(root, "train/a.mp4", lists__train_csv="a,b")
    """
    for name in videos:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    for name, text in texts.items():
        stem, _, ending = name.replace("__", "/").rpartition("_")
        write(root / f"{stem}.{ending}", text)
    return root


def write(path, text):
    """Writes a text file, or a JSON file of anything else, and its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text if isinstance(text, str) else json.dumps(text))
    return path


def change(path, old, new):
    """Replaces a part of a text file that must be there."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def hmdb51(root, folder=""):
    """Three folds of two classes; "jump" lies in file names of both."""
    for label in ("jump", "kick_ball"):
        names = [f"Film{i // 3}_{label}_f_nm_np1_fr_med_{i % 3}.avi" for i in range(45)]
        names[0] = f"#2 (a) & b_{label}_f_nm_np1_fr_med_0.avi"
        plant(root, *(f"{folder}{label}/{name}" for name in names))
        for fold in (1, 2, 3):
            # A fold leaves out one of each class, another than the others do.
            marks = [2 if i % 3 == fold - 1 else 1 for i in range(45)]
            marks[41 + fold] = 0
            lines = [f"{n} {mark} " for n, mark in zip(names, marks, strict=True)]
            splits = root / "testTrainMulti_7030_splits"
            write(splits / f"{label}_test_split{fold}.txt", "\n".join(lines) + "\n")
    return root


def ucf101(root, folder="UCF-101/"):
    """Fold 1 of two classes, of which one's videos are in other case than it is."""
    lists = root / "ucfTrainTestlist"
    write(lists / "classInd.txt", "1 ApplyEyeMakeup\r\n2 HandstandPushups\r\n")
    train, test = [], []
    for number, label in ((1, "ApplyEyeMakeup"), (2, "HandstandPushups")):
        name = label.replace("Handstand", "HandStand")
        for group in range(1, 26):
            for clip in (1, 2):
                video = f"{label}/v_{name}_g{group:02}_c{clip:02}.avi"
                plant(root, f"{folder}{video}")
                train += [f"{video} {number}"] if group > 7 else []
                test += [video] if group <= 7 else []
    write(lists / "trainlist01.txt", "\r\n".join(train) + "\r\n")
    write(lists / "testlist01.txt", "\r\n".join(test) + "\r\n")
    return root


LABELS = ("air drumming", "petting animal (not cat)", "playing 'cards', alone")


def kinetics_id(part, number):
    """A YouTube id: some begin with a minus or have underscores."""
    return f"-_{part[0].upper()}_{number:06}x"


def kinetics400(root, place="annotations/", folder="{part}/", ending=".mp4"):
    """Three labels; `folder` may name {part}, {label} and {joined}."""
    for part, count in (("train", COUNT), ("val", 4)):
        rows = ["label,youtube_id,time_start,time_end,split,is_cc"]
        for number in range(3 * count):
            label, youtube = LABELS[number % 3], kinetics_id(part, number)
            rows.append(f'"{label}",{youtube},{number},{number + 10},{part},0')
            where = folder.format(
                part=part, label=label, joined=label.replace(" ", "_")
            )
            name = f"{youtube}_{number:06}_{number + 10:06}"
            plant(root, f"{where}{name}{ending}")
        write(root / f"{place}{part}.csv", "\n".join(rows) + "\n")
    rows = ["youtube_id,time_start,time_end,split"]
    rows += [f"{kinetics_id('else', number)},{number},9,test" for number in range(3)]
    write(root / f"{place}test.csv", "\n".join(rows) + "\n")
    return root


def charades(root, place="", folder="Charades_v1_480/"):
    """Three classes; one action ends after its video, one video has none."""
    classes = "c000 Holding some clothes\nc001 Sitting\nc002 Walking through a door\n"
    write(root / f"{place}Charades_v1_classes.txt", classes)
    head = "id,subject,scene,quality,relevance,verified,script,objects,descriptions,"
    for part, count in (("train", COUNT), ("test", 3)):
        rows = [f"{head}actions,length"]
        for number in range(count):
            video = f"{part[:2].upper()}{number:03}"
            actions = ("c002 0.00 9.90;c000 4.00 40.00", "c001 2.00 3.00", "")
            free = (
                f'{video},S{number // 2},Kitchen,6,7,Yes,"A person, who\nsits.",a;b,c,'
            )
            rows.append(f"{free}{actions[number % 3]},30.50")
            plant(root, f"{folder}{video}.mp4")
        write(root / f"{place}Charades_v1_{part}.csv", "\n".join(rows) + "\n")
    return root


CATEGORIES = ("adult+female+singing", "clapping")


def moments(root, place="", folder="", version=1):
    """Two categories, numbered against the alphabet in version 1."""
    numbers = ((c, len(CATEGORIES) - 1 - i) for i, c in enumerate(CATEGORIES))
    listed = [f"{c},{n}" for c, n in numbers] if version == 1 else CATEGORIES
    name = "moments_categories.txt" if version == 1 else "category_momentsv2.txt"
    write(root / f"{place}{name}", "\n".join(listed) + "\n")
    for word, count in (("training", COUNT), ("validation", 2)):
        rows = []
        for number in range(2 * count):
            category = CATEGORIES[number % 2]
            video = f"{category}/yt-{number // 4:03}_{number % 4}.mp4"
            rows.append(f"{video},{category},3,1")
            plant(root, f"{folder}{word}/{video}")
        write(root / f"{place}{word}Set.csv", "\n".join(rows) + "\n")
    return root


def mlb_youtube(root, folder="videos/"):
    """Clips of one game with one or several labels, and negative ones."""
    clips = {}
    for number in range(COUNT):
        labels = ["swing", "strike", "hit", "foul"] if number % 2 else ["ball"]
        clip = {
            "subset": "testing" if number % 5 == 0 else "training",
            "url": "https://www.youtube.com/watch?v=RHlEdXq2DuI",
            "start": 10.0 * number,
            "end": 10.0 * number + 7,
            "labels": labels,
        }
        if number % 7:
            clip |= {"speed": 85.9, "type": ("slider", "fastball")[number % 2]}
        clips[f"E40GRXPSL{number:03}"] = clip
    # As published, a few times are negative: nothing could be cut there.
    clips["KGEIVDCS4A54"] = {**clip, "start": -75184.1, "end": -75177.1}
    negative = {
        f"HWT7{number:03}": {"interval": [10901, 10906], "ytid": "6pBQVjveD6o"}
        for number in range(2 * COUNT)
    }
    write(root / "data/mlb-youtube-segmented.json", clips)
    write(root / "data/mlb-youtube-negative.json", negative)
    names = [*clips, *negative]
    names.remove("KGEIVDCS4A54")
    return plant(root, *(f"{folder}{name}.mp4" for name in names))


def multi_moments(root, place="", folder="videos/", ending="csv"):
    """Two categories; a video has the first, the second, or both."""
    lines = [f"{category},{1 - n}" for n, category in enumerate(CATEGORIES)]
    write(root / f"{place}moments_categories.txt", "\n".join(lines) + "\n")
    for word, count in (("training", COUNT), ("validation", 4)):
        rows = []
        for number in range(count):
            video = f"{CATEGORIES[number % 2]}/yt-{number // 2:03}_{number % 2}.mp4"
            rows.append(f"{video},{('0', '1', '1,0')[number % 3]}")
            plant(root, f"{folder.format(word)}{video}")
        write(root / f"{place}{word}Set.{ending}", "\n".join(rows) + "\n")
    return root


def mlb_continuous(root, folder="continuous/"):
    """Minutes of one game; one activity ends after its video, every third has none."""
    videos = {}
    for number in range(COUNT):
        start = 100.5 * number
        annotations = [
            {"segment": [11.25, 12.75], "label": "swing"},
            {"segment": [11.75, 14.25], "label": "strike"},
            {"segment": [89.5, 92.0], "label": "ball"},
        ]
        videos[f"377H4PC2N{number:03}"] = {
            "url": "https://www.youtube.com/watch?v=Sq2Igg3XjbM",
            "start": start,
            "subset": "testing" if number % 5 == 0 else "training",
            "end": start + 90,
            "annotations": annotations if number % 3 else [],
        }
    write(root / "data/mlb-youtube-continuous.json", videos)
    return plant(root, *(f"{folder}{name}.mp4" for name in videos))


def something_something_v2(root, place="something-something-v2-", folder="videos/"):
    """Two templates, numbered against the alphabet."""
    templates = {
        "Pushing [something] from left to right": 1,
        "Putting [number of] [something]": 0,
    }
    plain = {t.replace("[", "").replace("]", ""): str(n) for t, n in templates.items()}
    write(root / f"{place}labels.json", plain)
    for word, count in (("train", 2 * COUNT), ("validation", 4)):
        entries = []
        for number in range(count):
            video = f"{number + (1000 if word == 'train' else 5000)}"
            template = [*templates][number % 2]
            label = template.replace("[something]", "a cup").lower()
            entries.append({"id": video, "label": label, "template": template})
            plant(root, f"{folder}{video}.webm")
        write(root / f"{place}{word}.json", entries)
    write(root / f"{place}test.json", [{"id": "9"}])
    return plant(root, f"{folder}9.webm")
