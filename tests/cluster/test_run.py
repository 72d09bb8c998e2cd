"""What runs beside the loop."""

import asyncio

from binnacle.cluster.run import _beside


async def test_a_part_that_fails_is_noticed_at_once() -> None:
    noticed = asyncio.Event()

    async def keeps_the_lease() -> None:
        raise RuntimeError("a defect")

    async with asyncio.timeout(30), _beside(noticed.set, keeps_the_lease(), asyncio.sleep(60)):
        await noticed.wait()


async def test_parts_end_with_what_they_run_beside_and_that_is_no_failure() -> None:
    noticed = asyncio.Event()
    async with asyncio.timeout(30):
        async with _beside(noticed.set, asyncio.sleep(60), asyncio.sleep(0)):
            await asyncio.sleep(0)
    assert not noticed.is_set()
