"""Where a dashboard may stand: in a folder of its namespace, under a title that no other one of the folder has."""

from binnacle.api.config import Config
from binnacle.api.findings import Finding, Severity
from binnacle.api.reasons import Reason
from binnacle.compile.world import Claim, World
from binnacle.intent.dashboard import OWN_KIND, folder_slug
from binnacle.intent.refs import Key


def refusal_of(folder: str, namespace: str, path: str, config: Config) -> Finding | None:
    """Return why a folder may not be used from a namespace.

    It must be the namespace's name, alone or before a character that no namespace has in its name: a hyphen there would
    let `shop` use the folder of the namespace `shop-eu`. And it must not be the administrator's, whatever namespace has
    that name.
    """
    fix = f"Write {namespace}, alone or followed by a space or _ and more, or leave the field out."
    grafana = config.grafana
    if grafana.has_slo_boards and folder_slug(folder) == folder_slug(grafana.slo_boards.folder):
        message = f"The folder {folder} is that of the dashboards of all SLOs (grafana.sloBoards.folder)."
        fix = f"Write {namespace} followed by a space or _ and more."
    elif folder == namespace or folder.startswith((f"{namespace} ", f"{namespace}_")):
        return None
    else:
        message = f"The folder {folder} is not one of the namespace {namespace}."
    return Finding(Severity.ERROR, Reason.FOLDER_NOT_ALLOWED, path, message, fix)


def taken(folder: str, title: str, key: Key, path: str, world: World, *, fix: str) -> Finding | None:
    """Claim a title in a folder for a resource; returns who else has it, if anybody comes first.

    One duplicate keeps Grafana from updating any dashboard of its provider, so the second one must go.
    """
    holder = world.claim(Claim(OWN_KIND, key.namespace, f"{folder_slug(folder)}/{title}"), key)
    if holder == key:
        return None
    return Finding(
        Severity.ERROR,
        Reason.DUPLICATE_TITLE,
        path,
        f"The {holder.kind} {holder.name} has the title {title} in the folder {folder}; it comes first and is kept.",
        fix,
    )
