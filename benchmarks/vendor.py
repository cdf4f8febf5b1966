"""Vendor onnxruntime-web for fkd/page/engine: `python benchmarks/vendor.py` downloads one version and checks its hash.

The library and its WebAssembly for CPUs are kept, the latter compressed, as any static host sends it. Its MIT licence
is in fkd/page/engine/runtime/LICENSE.
"""

import base64
import gzip
import hashlib
import io
import tarfile
import urllib.request
from pathlib import Path

VERSION = "1.30.0"
URL = f"https://registry.npmjs.org/onnxruntime-web/-/onnxruntime-web-{VERSION}.tgz"
SHA512 = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="  # as npm states it
FOLDER = Path(__file__).parents[1] / "fkd" / "page" / "engine" / "runtime"
LIBRARY, WASM = "ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"  # in dist/ of the package


def vendor(package: bytes, folder: Path = FOLDER) -> None:
    """Write the two files of a package into a folder. Raises ValueError for any other package."""
    if base64.b64encode(hashlib.sha512(package).digest()).decode() != SHA512:
        raise ValueError(f"the package is not onnxruntime-web {VERSION}: its sha512 differs")
    with tarfile.open(fileobj=io.BytesIO(package)) as archive:
        library, wasm = (archive.extractfile(f"package/dist/{name}") for name in (LIBRARY, WASM))
        assert library and wasm
        code = library.read().decode().partition("\n//# sourceMappingURL")[0]
        (folder / "ort.mjs").write_text(f"{code}\n")
        (folder / "ort.wasm.gz").write_bytes(gzip.compress(wasm.read(), 9, mtime=0))


if __name__ == "__main__":
    with urllib.request.urlopen(URL) as response:
        vendor(response.read())
