"""Folders of pictures as people lay them out: parts, classes, and what is left out."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from vae_gluon._checks import quoted
from vae_gluon.data.arrays import PARTS

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp")

# The part of a data set that a folder holds, by a word of its name. What is not for training is
# for testing: its loss is the validation loss.
PART_OF = {
    **dict.fromkeys(("train", "training", "trainset", "训练集"), "train"),
    **dict.fromkeys(("test", "testing", "testset", "测试集"), "test"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "eval", "验证集"), "test"),
}
# What systems keep in a folder besides hidden files: thumbnails, forks, what was deleted.
SYSTEM = ("@eadir", "__macosx", "$recycle.bin", "system volume information", "lost+found")


def find_pictures(root: Path) -> tuple[dict[str, list[tuple[Path, str]]], str]:
    """Find the pictures in a folder and its subfolders.

    Returns
    -------
    (dict, str)
        The pictures of each part, in the order of their paths, each with its label: the name of
        its subfolder, or none. If there are no parts, all are to train on. And a line that says
        what was found and what is left out.

    Raises
    ------
    FileNotFoundError
        If there are none.
    ValueError
        If only some of a part are in subfolders.
    """
    left_out: Counter[str] = Counter()
    paths = sorted(_walk(root, left_out))
    if not paths:
        got = f"none{_list(left_out)}" if root.is_dir() else "no such folder"
        raise FileNotFoundError(f"{root}: expected pictures ({', '.join(SUFFIXES)}), got {got}")
    base = os.path.commonpath([path.parent for path in paths])  # archives nest folders
    names = [path.relative_to(base).parts for path in paths]
    folders = sorted({first for first, *rest in names if rest})
    part_of = _parts(folders)
    found: dict[str, list[tuple[Path, str]]] = {part: [] for part in PARTS}
    for path, (*inner, name) in zip(paths, names):
        part = "train"
        if part_of:
            first = inner.pop(0) if inner else f"*{Path(name).suffix}"
            part = part_of.get(first, "")
        if part:
            found[part].append((path, inner[0] if inner else ""))
        else:
            left_out[first] += 1
    found = {part: pictures for part, pictures in found.items() if pictures}
    labels = {label for pictures in found.values() for _, label in pictures}
    if len(labels) == 1:  # which says nothing
        found = {part: [(path, "") for path, _ in found[part]] for part in found}
    counts = []
    for part, pictures in found.items():
        flat = [path for path, label in pictures if not label]
        if 0 < len(flat) < len(pictures):
            raise ValueError(
                f"{flat[0]}: expected all pictures in subfolders, whose names are labels, or none"
            )
        of_part = ", ".join(folder for folder in folders if part_of.get(folder) == part)
        counts.append(
            f"{len(pictures)} to {part} on" + (f" ({_plain(of_part)})" if of_part else "")
        )
    if "test" not in found:
        counts.append("of which a tenth to test on")
    n_classes = len(labels - {""}) if len(labels) > 1 else 0
    text = f"{_plain(root)}: pictures {', '.join(counts)}; {n_classes or 'no'} classes"
    return found, text + _list(left_out)


def _parts(folders: list[str]) -> dict[str, str]:
    """Return the parts that folders hold, by their names; empty if they are classes."""
    part_of = {}
    for folder in folders:
        words = [word for word in re.split(r"[\W\d_]+", folder.lower()) if word in PART_OF]
        if len(words) == 1:  # as in seg_train, test_set, val2017
            part_of[folder] = PART_OF[words[0]]
    if len(set(part_of.values())) == len(PARTS):
        return part_of
    # A class may be called train; but not all folders are parts of one kind by chance.
    alone = folders and all(folder.lower() in PART_OF for folder in folders)
    return dict.fromkeys(folders, "train") if alone else {}


def _walk(root: Path, left_out: Counter[str]) -> Iterator[Path]:
    """Yield the pictures in a folder and its subfolders, and count what is left out, by name.

    Links are followed, but no folder is read twice.
    """

    def count_unreadable(error: OSError) -> None:
        left_out[f"{Path(error.filename).name} ({error.strerror})"] += 1

    seen = {_identity(root)}
    for folder, subfolders, files in os.walk(root, followlinks=True, onerror=count_unreadable):
        paths = [Path(folder, name) for name in subfolders]
        subfolders.clear()
        for path in sorted(paths, key=lambda path: (path.is_symlink(), path)):
            if _is_hidden(path.name):
                left_out[path.name] += 1
            elif _identity(path) in seen:
                left_out[f"{path.name} (a link)"] += 1
            else:
                seen.add(_identity(path))
                subfolders.append(path.name)
        for path in (Path(folder, name) for name in files):
            hidden, suffix = _is_hidden(path.name), path.suffix.lower()
            if not hidden and suffix in SUFFIXES and os.path.isfile(path):  # and no broken link
                yield path
            else:
                left_out[path.name if hidden or not suffix else f"*{suffix}"] += 1


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in SYSTEM


def _identity(folder: Path) -> object:
    """Return what all paths to a folder have in common."""
    try:
        status = os.stat(folder)
    except OSError:  # of one in a folder that may not be entered
        return folder
    return status.st_dev, status.st_ino


def _list(left_out: Counter[str]) -> str:
    """Return the names that are counted, the most frequent ones first."""
    shown = [f"{n} {_plain(name)}" for name, n in left_out.most_common(5)]
    if len(left_out) > 5:
        shown.append("and others")
    return f"; left out: {', '.join(shown)}" if shown else ""


def _plain(text: object) -> str:
    """Return foreign text as it is, if it is short and of one line."""
    return quoted(str(text))[1:-1]
