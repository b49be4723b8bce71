"""The commands around runs and specs: init, adopt, dev, stages, manifest, doctor, version."""
# ruff: noqa: PLC0415 - a command loads what it needs when it is called, so that --help is quick

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spec_service.cli.options import AsJson, Catalog, Data, Server

Folder = Annotated[Path, typer.Argument(metavar="[DIR]", help="Where to; made if need be.")]
Host = Annotated[str | None, typer.Option(metavar="ADDRESS", help="Address to listen on. Default: 127.0.0.1.")]
Port = Annotated[int | None, typer.Option(min=0, max=65535, help="Port; 0 takes a free one. Default: 8321.")]
Name = Annotated[str | None, typer.Argument(metavar="[NAME]", help="One stage or tool. None: all of them.")]

Out = Annotated[Path, typer.Option(metavar="FILE", help="Where to write it; - prints it.")]
Check = Annotated[bool, typer.Option("--check", help="Write nothing; exit with 1 and tell what drifted.")]
TaskName = Annotated[
    str, typer.Argument(metavar="MODULE:TASK", help="A Luigi task. Example: pipelines.market:Publish.")
]
Params = Annotated[list[str] | None, typer.Option("--param", metavar="NAME=VALUE", help="A parameter of the task.")]
SpecOut = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Where to write it. Default: print it.")]
Single = Annotated[bool, typer.Option("--single", help="One step for the whole DAG, instead of a node for each task.")]
Observe = Annotated[bool, typer.Option("--observe", help="Write nothing: show the DAG, and what of it is complete.")]
AddToCatalog = Annotated[bool, typer.Option("--add-to-catalog", help="Add the module to the catalog file, if need be.")]


def adopt(  # noqa: PLR0913 - a parameter for each of its options
    task: TaskName,
    param: Params = None,
    catalog: Catalog = None,
    out: SpecOut = None,
    *,
    single: Single = False,
    observe: Observe = False,
    add_to_catalog: AddToCatalog = False,
    as_json: AsJson = False,
) -> int:
    """Write the spec of a Luigi pipeline as it is, a node for each task.

    It asks the pipeline what it requires, and runs nothing. --observe shows that, and what is complete already.
    """
    from spec_service.cli import adopting
    from spec_service.cli.complaints import wrong_usage
    from spec_service.cli.surveying import Wish

    wish = Wish(task, tuple(param or ()))
    if observe:
        return adopting.observe(wish, catalog, as_json=as_json)
    if as_json:
        raise wrong_usage("--json goes with --observe")
    return adopting.adopt(wish, catalog, adopting.Form(out, single, add_to_catalog))


def init(folder: Folder = Path()) -> int:
    """Write a small working project: a catalog, a Luigi task, a tool and a spec."""
    from spec_service.cli import starting

    return starting.init(folder)


def dev(host: Host = None, port: Port = None, data: Data = None, catalog: Catalog = None) -> int:
    """Start the server for one machine; logs go to standard error."""
    from spec_service.cli import serving

    return serving.serve(host, port, data, catalog)


def stages(name: Name = None, catalog: Catalog = None, *, as_json: AsJson = False) -> int:
    """List what a spec may name: stages and tools, their versions and parameters."""
    from spec_service.cli import cataloguing

    return cataloguing.stages(name, catalog, as_json=as_json)


def manifest(out: Out = Path(".agents/manifest.json"), catalog: Catalog = None, *, check: Check = False) -> int:
    """Write down what agents need to know of the stages, for programs in any language.

    The same catalog gives the same file, so that it can be committed, and --check tells when it is stale.
    """
    from spec_service.cli import manifesting

    return manifesting.manifest(out, catalog, is_check=check)


def doctor(data: Data = None, catalog: Catalog = None, server: Server = None, *, as_json: AsJson = False) -> int:
    """Check this installation, and say what to do about what is wrong."""
    from spec_service.cli import doctoring

    return doctoring.doctor(data, catalog, server, as_json=as_json)


def version(*, as_json: AsJson = False) -> int:
    """Print the versions of Specloom and of what it stands on."""
    from spec_service.cli import doctoring

    return doctoring.versions(as_json=as_json)
