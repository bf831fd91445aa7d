"""Folders of pictures: parts, classes, and files that are left out."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from vae_gluon._checks import printable
from vae_gluon.data.arrays import PARTS

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp")

# The part of a data set in a folder, by a word of its name. All parts other than training are
# used for testing: their loss is the validation loss.
PART_OF = {
    **dict.fromkeys(("train", "training", "trainset", "训练集"), "train"),
    **dict.fromkeys(("test", "testing", "testset", "测试集"), "test"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "eval", "验证集"), "test"),
}
# System folders that are not hidden: thumbnails, resource forks, deleted files.
SYSTEM = ("@eadir", "__macosx", "$recycle.bin", "system volume information", "lost+found")


def find_pictures(root: Path) -> tuple[dict[str, list[tuple[Path, str]]], str]:
    """Find the pictures in a folder and its subfolders.

    Return those of each part, sorted by path, each with its label: the name of its subfolder, or
    empty. Without parts, all are for training. Return also a line that lists what is left out,
    other than hidden files; empty if nothing is.
    """
    left_out: Counter[str] = Counter()
    paths = sorted(_walk(root, left_out))
    if not paths:
        got = f"none{_list(left_out)}" if root.is_dir() else "no such folder"
        raise FileNotFoundError(f"{root}: expected pictures ({', '.join(SUFFIXES)}), got {got}")
    base = os.path.commonpath([path.parent for path in paths])  # archives nest folders
    folders = {path: path.relative_to(base).parts[:-1] for path in paths}
    part_of = _parts({inner[0] for inner in folders.values() if inner})
    parts: dict[str, dict[Path, tuple[str, ...]]] = {}
    for path, inner in folders.items():
        if not part_of:
            parts.setdefault("train", {})[path] = inner
        elif inner and inner[0] in part_of:
            parts.setdefault(part_of[inner[0]], {})[path] = inner[1:]
        else:
            left_out[inner[0] if inner else f"*{path.suffix}"] += 1
    # A folder that is alone in its part is not a class.
    prefixes = (os.path.commonprefix([*inner.values()]) for inner in parts.values())  # noqa: RUF071
    depth = min(map(len, prefixes))
    found = {}
    for part in filter(parts.__contains__, PARTS):
        pictures = [
            (path, "".join(inner[depth : depth + 1])) for path, inner in parts[part].items()
        ]
        flat = [path for path, label in pictures if not label]
        if 0 < len(flat) < len(pictures):
            raise ValueError(
                f"{flat[0]}: expected all pictures in subfolders, whose names are labels, or none"
            )
        found[part] = pictures
    return found, printable(f"{root}: pictures{_list(left_out)}") if left_out else ""


def _parts(folders: set[str]) -> dict[str, str]:
    """Return the parts that folders hold, by their names; empty if they are classes."""
    part_of = {}
    for folder in folders:
        words = [word for word in re.split(r"[\W\d_]+", folder.lower()) if word in PART_OF]
        if len(words) == 1:  # as in seg_train, test_set, val2017
            part_of[folder] = PART_OF[words[0]]
    if len(set(part_of.values())) == len(PARTS):
        return part_of
    # A class may be called train, but not all folders by chance.
    alone = folders and all(folder.lower() in PART_OF for folder in folders)
    return dict.fromkeys(folders, "train") if alone else {}


def _walk(root: Path, left_out: Counter[str]) -> Iterator[Path]:
    """Yield the pictures in a folder and its subfolders, and count what is left out, by name.

    Links are followed, but no folder is read twice.
    """

    def count_unreadable(error: OSError) -> None:
        left_out[f"{Path(error.filename).name} ({error.strerror})"] += 1

    seen = {os.path.realpath(root)}
    for folder, subfolders, files in os.walk(root, followlinks=True, onerror=count_unreadable):
        paths = [Path(folder, name) for name in subfolders if not _is_hidden(name)]
        subfolders.clear()
        for path in sorted(paths, key=Path.is_symlink):
            target = os.path.realpath(path)
            if target in seen:
                left_out[f"{path.name} (a link)"] += 1
            else:
                seen.add(target)
                subfolders.append(path.name)
        for path in (Path(folder, name) for name in files if not _is_hidden(name)):
            if path.suffix.lower() in SUFFIXES and path.is_file():  # not a broken link
                yield path
            else:
                left_out[f"*{path.suffix.lower()}" if path.suffix else path.name] += 1


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in SYSTEM


def _list(left_out: Counter[str]) -> str:
    """Return the counted names, the most frequent first."""
    shown = [f"{n} {name}" for name, n in left_out.most_common(5)]
    if len(left_out) > 5:
        shown.append("and others")
    return f"; left out: {', '.join(shown)}" if shown else ""
