#!/usr/bin/env python3
"""Finds circles of imports between the files of each crate of the workspace.

Run at the root of the repository: `python3 scripts/import-circles.py [CRATE FOLDER ...]`, without folders over
all members of the workspace. Names each circle with one import per file, and ends with status 1 if there is one.

A file imports another where it names something that the other defines: in `use` declarations or in paths
that start with `crate`, `self`, `super`, a child module or a module that was imported. A re-export is followed to the
file that defines the name, and is an import of its own only where the file also uses the name. A `mod`
declaration is no import, and tests (`#[cfg(test)]`) may import what they like. `--edges` prints all imports.
"""

import re
import sys
import tomllib
from pathlib import Path

TOKENS = re.compile(
    r"""//[^\n]*|/\*.*?\*/|b?r(?P<hashes>\#*)".*?"(?P=hashes)|b?"(?:\\.|[^"\\])*"|b?'(?:\\[^']*|[^'\\])'
    |(?P<word>r\#\w+|[A-Za-z_]\w*)|(?P<path>::)|(?P<line>\n)|(?P<mark>[{}();,*!])|(?P<other>\S)""",
    re.VERBOSE | re.DOTALL,
)
TEST = ["#", "[", "cfg", "(", "test", ")", "]"]
DEFINES = {"struct", "enum", "fn", "trait", "type", "const", "static", "union", "macro_rules"}


def tokens(text):
    """Words, `::` and marks with their lines; no comments and no literals."""
    line, at = 1, 0
    for found in TOKENS.finditer(text):
        line += text.count("\n", at, found.start())
        at = found.start()
        token = found.group("word") or found.group("path") or found.group("mark") or found.group("other")
        if token:
            yield token.removeprefix("r#"), line


def end_of(stream, at):
    """Where the item that begins at `at` has ended."""
    depth = 0
    while at < len(stream):
        token = stream[at][0]
        depth += (token == "{") - (token == "}")
        at += 1
        if depth == 0 and token in (";", "}"):
            break
    return at


class Module:
    """A file as a module of its crate."""

    def __init__(self, crate, path, name):
        self.crate, self.path, self.name = crate, path, name  # name: a tuple, () for the root
        self.defined = set()
        self.children = []
        self.uses = []  # (inline modules, path, name here, whether re-exported, line)
        self.paths = []  # (inline modules, path, line)
        self.words = []  # words that stand outside of `use`
        self.read(list(tokens(path.read_text())))

    def read(self, stream):
        at, inline, opened = 0, [], []
        public = False
        while at < len(stream):
            token, line = stream[at]
            following = stream[at + 1][0] if at + 1 < len(stream) else ""
            if [text for text, _ in stream[at : at + len(TEST)]] == TEST:
                at = end_of(stream, at + len(TEST))
            elif token == "mod" and re.match(r"\w", following):
                after = stream[at + 2][0]
                if after == ";" and not inline:
                    self.children.append(following)
                    at += 3
                elif after == "{":
                    inline.append(following)
                    opened.append(True)
                    at += 3
                else:
                    at += 2
            elif token == "use" and (at == 0 or stream[at - 1][0] not in ("<", ",", "+")):
                at = self.tree(stream, at + 1, [], tuple(inline), public, line) + 1
            elif token == "{":
                opened.append(False)
                at += 1
            elif token == "}":
                if opened and opened.pop():
                    inline.pop()
                at += 1
            elif re.match(r"\w", token):
                path = [token]
                at += 1
                while at + 1 < len(stream) and stream[at][0] == "::" and re.match(r"\w", stream[at + 1][0]):
                    path.append(stream[at + 1][0])
                    at += 2
                self.words.append(token)
                if [text for text, _ in stream[at - 2 * len(path) - 2 : at - 2 * len(path) + 1]] == ["pub", "(", "in"]:
                    continue  # how far it can be seen
                if len(path) > 1:
                    self.paths.append((tuple(inline), path, line))
                elif token in DEFINES and not inline:
                    if token == "macro_rules":
                        following = stream[at + 1][0]
                    self.defined.add(following)
            else:
                at += 1
            # `pub` or `pub(crate)` in front of what comes next.
            public = token == "pub" or (public and token in ("(", ")", "crate", "super", "in", "self"))

    def tree(self, stream, at, prefix, inline, public, line):
        """Reads one tree of a `use` declaration; returns where the token after it stands."""
        path = list(prefix)
        while True:
            token, here = stream[at]
            if token == "{":
                at += 1
                while stream[at][0] != "}":
                    at = self.tree(stream, at, path, inline, public, line)
                    if stream[at][0] == ",":
                        at += 1
                return at + 1
            if token in (";", ",", "}"):
                return at
            if token == "::":
                at += 1
                continue
            if token == "as":
                name = stream[at + 1][0]
                inline_, path_, _, public_, line_ = self.uses.pop()
                self.uses.append((inline_, path_, name, public_, line_))
                at += 2
                continue
            if token != "self" or not path:
                path.append(token)
            at += 1
            if stream[at][0] != "::":
                self.uses.append((inline, path, path[-1], public, here))


class Crate:
    """The files of a crate that hang together from one root."""

    def __init__(self, root):
        self.modules = {}
        self.load(root, ())
        for module in self.modules.values():
            module.imported = {}
            for inline, path, name, _, _ in module.uses:
                target = self.place(module, inline, path, aliases=False)
                if target and not target[1]:
                    module.imported[name] = target[0]

    def load(self, path, name):
        module = self.modules[name] = Module(self, path, name)
        own = path.parent if path.name in ("lib.rs", "main.rs", "mod.rs") or not name else path.with_suffix("")
        for child in module.children:
            for file in (own / f"{child}.rs", own / child / "mod.rs"):
                if file.is_file():
                    self.load(file, (*name, child))

    def place(self, module, inline, path, aliases=True):
        """The module that a path leads to by its words, and the words that are left."""
        name, rest = module.name + inline, list(path)
        if rest[0] == "crate":
            name, rest = (), rest[1:]
        elif rest[0] in ("self", "super"):
            while rest and rest[0] in ("self", "super"):
                name = name[:-1] if rest[0] == "super" else name
                rest = rest[1:]
        elif rest[0] in module.children:
            name = module.name
        elif aliases and rest[0] in module.imported:
            name, rest = module.imported[rest[0]].name, rest[1:]
        else:
            return None
        while rest and (*name, rest[0]) in self.modules:
            name, rest = (*name, rest[0]), rest[1:]
        while name not in self.modules:  # an inline module belongs to its file
            name = name[:-1]
        return self.modules[name], rest

    def definer(self, module, rest, seen=()):
        """The file that defines the name that is left, through re-exports."""
        if not rest or rest[0] in module.defined or module in seen:
            return module
        globs = []
        for inline, path, name, public, _ in module.uses:
            target = None if inline else self.place(module, inline, path)
            if target is None or target[0] is module:
                continue
            if name == rest[0]:
                return self.definer(*target, (*seen, module))
            if name == "*" and public:
                globs.append(target[0])
        for glob in globs:
            found = self.definer(glob, rest, (*seen, module))
            if found is not glob or rest[0] in glob.defined:
                return found
        return module

    def edges(self):
        """`{module: {module: line}}`."""
        edges = {module: {} for module in self.modules.values()}
        for module in self.modules.values():
            named = [(i, p, n, public, line) for i, p, n, public, line in module.uses]
            named += [(i, p, None, False, line) for i, p, line in module.paths]
            for inline, path, name, public, line in named:
                target = self.place(module, inline, path)
                if target is None or (public and name not in module.words):
                    continue
                found = self.definer(*target)
                if found is not module:
                    edges[module].setdefault(found, line)
        return edges


def circles(edges):
    """One shortest circle through each group of modules that reach each other."""
    left = set(edges)
    for start in sorted(edges, key=lambda module: module.name):
        if start not in left:
            continue
        before, queue = {}, [start]
        for module in queue:
            for following in edges[module]:
                if following not in before:
                    before[following] = module
                    queue.append(following)
        if start not in before:
            continue
        circle, module = [start], before[start]
        while module is not start:
            circle.append(module)
            module = before[module]
        reached = set(before)
        group = {m for m in reached if start in reach(edges, m)}
        left -= group
        yield [start, *reversed(circle[1:])], group


def reach(edges, start):
    """All modules that one leads to."""
    seen, queue = set(), [start]
    for module in queue:
        for following in edges[module]:
            if following not in seen:
                seen.add(following)
                queue.append(following)
    return seen


def main(arguments):
    folders = [Path(a) for a in arguments if not a.startswith("--")]
    if not folders:
        members = tomllib.loads(Path("Cargo.toml").read_text())["workspace"]["members"]
        folders = [folder for member in members for folder in sorted(Path().glob(member))]
    found = files = 0
    for folder in folders:
        for root in (folder / "src/lib.rs", folder / "src/main.rs"):
            if not root.is_file():
                continue
            crate = Crate(root)
            files += len(crate.modules)
            edges = crate.edges()
            if "--edges" in arguments:
                for module, targets in edges.items():
                    for target, line in targets.items():
                        print(f"{module.path}:{line} -> {target.path}")
            for circle, group in circles(edges):
                found += 1
                print(f"{folder}: a circle of imports")
                for module, following in zip(circle, [*circle[1:], circle[0]]):
                    print(f"  {module.path}:{edges[module][following]} imports from {following.path}")
                if others := group - set(circle):
                    print("  also in it:", ", ".join(sorted(str(m.path) for m in others)))
    print(f"{files} files, {found} circle{'' if found == 1 else 's'} of imports")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
