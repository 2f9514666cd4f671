"""Writes the demo's self-made address data: CSV lines `network,country,asn,owner`, standard output or a file.

198.18.0.0/15 is reserved for benchmarks (RFC 2544), so no line can be mistaken for somebody's real network:
198.18.X.Y is Japan, owner AS 64500 + X div 64; 198.19.N.Y is country number N of COUNTRIES, owner AS 65000 + N.
AS numbers 64496 and above are for documentation and private use (RFC 5398, RFC 6996).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

COUNTRIES = ("AE AR AU BR CA CI CN DE EG FR GB ID IN IT KE KR MX MY NG NL PH PL RO RU SG TH TR TW UA US VN ZA").split()


def rows() -> Iterator[str]:
    """The header and every line, without line ends."""
    yield "network,country,asn,owner"
    for block in range(4):
        yield f"198.18.{block * 64}.0/18,JP,{64500 + block},Demo Network Japan {block + 1}"
    for number, country in enumerate(COUNTRIES):
        yield f"198.19.{number}.0/24,{country},{65000 + number},Demo Network {country}"


def main() -> None:
    text = "\n".join(rows()) + "\n"
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
