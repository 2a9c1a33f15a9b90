"""``partages corpus ...``: sources and licences, building, inspecting."""

import click

from partages.corpus.build_commands import (
    benchmarks_command,
    build_command,
    inspect_command,
    push_command,
)
from partages.corpus.sources_commands import add, reach, sources


@click.group("corpus", help="Le corpus : des sources à licence connue aux textes prêts à apprendre.")
def corpus() -> None:
    """The group of commands about the corpus."""


for _command in (sources, reach, add, build_command, inspect_command, benchmarks_command, push_command):
    corpus.add_command(_command)
