"""Settings of the download of public datasets."""

from typing import Annotated, Literal

from pydantic import Field

from snugnet.core.settings.base import Settings, Tuple


class Urls(Settings):
    """Base URLs of the public datasets."""

    mitdb: str = Field(
        "https://physionet.org/files/mitdb/1.0.0",
        description="URL of the MIT-BIH Arrhythmia Database 1.0.0.",
    )
    mnist: str = Field(
        "https://storage.googleapis.com/cvdf-datasets/mnist",
        description="URL of the four MNIST files.",
    )
    ptbxl: str = Field(
        "https://physionet.org/files/ptb-xl/1.0.3", description="URL of PTB-XL 1.0.3."
    )


class Fetch(Settings):
    """Settings of the `fetch` target."""

    datasets: Annotated[Tuple[Literal["mitdb", "mnist", "ptbxl"]], Field(min_length=1)] = Field(
        ("mitdb", "mnist", "ptbxl"),
        description=(
            "Datasets to download, each into a folder of the same name; 100, 11 and about 500 MB."
        ),
    )
    urls: Urls = Field(
        Urls(),
        description=(
            "Base URL of each dataset. Mirrors work for mitdb and mnist, because SHA-256 sums are "
            "checked."
        ),
    )
    sums: str | None = Field(
        None,
        description=(
            "Folder with lists of SHA-256 sums (mitdb.txt for mitdb) that replace the built-in "
            "lists. There is no built-in list for ptbxl: the publisher's SHA256SUMS.txt is trusted."
        ),
    )
    attempts: int = Field(
        6, ge=1, le=100, description="Maximum number of download attempts per file."
    )
    back_off: float = Field(
        1,
        ge=0,
        le=3600,
        description=(
            "Delay before the second attempt, in seconds; doubled before each further attempt."
        ),
    )
    timeout: float = Field(
        60, gt=0, le=3600, description="Seconds without data after which an attempt fails."
    )
    connections: int = Field(4, ge=1, le=32, description="Number of parallel downloads.")
