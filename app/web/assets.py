"""Templates and static files: where they lie, and static files served so that a browser asks for each version once."""

import hashlib
import mimetypes
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from urllib.parse import parse_qs

import rcssmin
import rjsmin
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.web import packing

PACKAGE = Path(__file__).resolve().parent.parent
STATIC_PATH = "/static"
DIGEST_CHARACTERS = 16
# `?v=` carries the content's hash, and a vendored file's directory its version: neither ever changes.
FOREVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"
TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html"}
# What a page loads of static/js at once, as one file: modules compress better together, and are one request. The rest
# is named by a page where it is needed: see static/js/demand.js.
BUNDLES = {
    "js/explorer.js": ("demand", "tabs", "offline", "live", "keys", "why"),
    "js/text.js": ("demand", "complete", "editor"),
}
# What only explains or indents is left out of our own files; a vendored one is served as it is.
SMALLER: Mapping[str, Callable[[str], str]] = {".css": rcssmin.cssmin, ".js": rjsmin.jsmin}
COMPRESSIBLE = ("text/", "image/svg+xml", "application/json")


def folder(name: str) -> Path:
    """`templates`, `static` or `docs`: inside the package if it was installed, else at the top of the source tree."""
    installed = PACKAGE / f"_{name}"
    return installed if installed.is_dir() else PACKAGE.parent / name


TEMPLATES = folder("templates")
STATIC = folder("static")


@dataclass(frozen=True, slots=True)
class Asset:
    """One static file in memory."""

    body: bytes
    packed: Mapping[str, bytes]
    media_type: str
    digest: str


def asset(name: str) -> str:
    """The address of a static file; it changes with the content. FileNotFoundError if there is no such file."""
    return f"{STATIC_PATH}/{name}?v={load(name).digest}"


def load(name: str) -> Asset:
    """A static file by its path below `static/`. FileNotFoundError if there is none, or if the path leads outside."""
    if name in BUNDLES:
        return _bundle(tuple(load(f"js/{module}.js").body for module in BUNDLES[name]))
    file = _place(name)
    try:
        status = file.stat()
    except OSError as error:
        raise FileNotFoundError(name) from error
    if not stat.S_ISREG(status.st_mode):
        raise FileNotFoundError(name)
    return _load(file, status.st_mtime_ns, status.st_size)


def prepare() -> None:
    """Read and pack all of them, 0.2 s of work, so that it is done before anybody is served."""
    for file in sorted(STATIC.rglob("*")):
        if file.is_file() and not file.name.startswith("."):
            load(file.relative_to(STATIC).as_posix())
    for name in BUNDLES:
        load(name)


# A page names a few dozen icons: what a name means is found once, whether the file changed is asked each time.
@lru_cache(maxsize=256)
def _place(name: str) -> Path:
    path = PurePosixPath(name)
    # A part that begins with a dot is hidden, or leads upwards; a backslash separates parts elsewhere.
    if path.is_absolute() or any(part.startswith(".") or "\\" in part or "\0" in part for part in path.parts):
        raise FileNotFoundError(name)
    return STATIC / path


@lru_cache(maxsize=8)
def _bundle(modules: tuple[bytes, ...]) -> Asset:
    """The modules as one, each in a block of its own."""
    return _made("\n".join(f"{{{module.decode()}}}" for module in modules).encode(), TYPES[".js"])


@lru_cache(maxsize=128)
def _load(file: Path, _modified: int, _size: int) -> Asset:
    body = file.read_bytes()
    smaller = SMALLER.get(file.suffix)
    if smaller is not None and "vendor" not in file.relative_to(STATIC).parts:
        body = smaller(body.decode()).encode()
    return _made(body, TYPES.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream")


def _made(body: bytes, media_type: str) -> Asset:
    packs = packing.packed(body) if media_type.startswith(COMPRESSIBLE) else {}
    return Asset(body, packs, media_type, _digest(body))


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:DIGEST_CHARACTERS]


class StaticAssets:
    """ASGI application for `/static`: compressed once, cacheable for ever where the address names the content."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if scope["method"] not in {"GET", "HEAD"}:
            raise HTTPException(405, headers={"Allow": "GET, HEAD"})
        name = scope["path"].removeprefix(scope.get("root_path", "")).lstrip("/")
        try:
            found = load(name)
        except FileNotFoundError:
            raise HTTPException(404, f"There is no static file '{name}'.") from None
        version = parse_qs(scope["query_string"].decode("latin-1")).get("v", [""])[0]
        await _answer(found, name, version, Headers(scope=scope))(scope, receive, send)


def _answer(found: Asset, name: str, version: str, request: Headers) -> Response:
    etag = f'"{found.digest}"'
    headers = {
        "ETag": etag,
        "Cache-Control": FOREVER if version == found.digest or name.startswith("vendor/") else ASK_AGAIN,
    }
    if etag in request.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    body = found.body
    encodings = packing.taken(request.get("accept-encoding", ""))
    encoding = next((each for each in found.packed if each in encodings), "")
    if encoding:
        headers |= {"Content-Encoding": encoding, "Vary": "Accept-Encoding"}  # the middleware says so of all others
        body = found.packed[encoding]
    return Response(body, media_type=found.media_type, headers=headers)
