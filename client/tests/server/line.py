"""A line to one server that can be made to fail (`tests.faults.proxy`), for tests in Node.js.

    python line.py SERVER_PORT

Prints the port on which it listens, then obeys lines on its standard input, each
answered by one: `cut SECONDS`, `silence`. It ends with its input.
"""

from __future__ import annotations

import asyncio
import sys

from tests.faults.proxy import Balancer, Line


async def main(port: int) -> None:
    line = Line(Balancer([port]))
    await line.open()
    print(line.port, flush=True)
    while order := await asyncio.to_thread(sys.stdin.readline):
        match order.split():
            case ["cut", seconds]:
                line.cut(float(seconds))
                print("cut", flush=True)
            case ["silence"]:
                print(line.go_silent(), flush=True)
            case _:
                sys.exit(f"What is {order!r}?")
    line.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
