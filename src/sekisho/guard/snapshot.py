"""Saves what the guard has learnt every minute and at its end, and finds it again at the start.

Packing runs on the answering loop in slices of 2 ms, so it never holds up an answer; the file is written by a thread.
While it packs, the log tail and the findings stand still: what the saved profiles know and the saved places in the
logs are one moment, and lines read again after a kill are counted once.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable

from sekisho.guard.checkpoint import Checkpoint
from sekisho.guard.profile_store import ProfileStore, Saved

log = logging.getLogger("sekisho.guard")

# After a kill -9 at most this much of logins and recipients is forgotten; trips are in the journal.
SAVE_EVERY_SECONDS = 60.0
# A hundredth of the 300 ms an answer may take.
SLICE_SECONDS = 0.002


class Snapshot:
    """Takes snapshots of a checkpoint; `where` gives the places in the logs at the moment of packing."""

    def __init__(
        self, checkpoint: Checkpoint, store: ProfileStore, paused: asyncio.Lock, where: Callable[[], Saved]
    ) -> None:
        self._checkpoint = checkpoint
        self._store = store
        self._paused = paused
        self._where = where
        self._saving = asyncio.Lock()
        self.saved_at = 0.0
        # Why the last one failed; empty after a good one.
        self.alarm = ""

    async def keep_saving(self) -> None:
        """Saves at once (so that the places in the logs survive an early kill) and then every minute."""
        while True:
            await self.save()
            await asyncio.sleep(SAVE_EVERY_SECONDS)

    async def save(self) -> bool:
        """One snapshot; False when the disk refused it (then everything changed is saved by the next one)."""
        async with self._saving:
            async with self._paused:
                packed = await self._pack()
                self._checkpoint.tables.forget_old(int(time.time() // 86_400))
                host = self._checkpoint.tables.to_bytes()
                saved = self._where()
            return await self._write(packed, host, saved)

    async def _pack(self) -> list[tuple[str, bytes]]:
        packed: list[tuple[str, bytes]] = []
        slice_end = time.perf_counter() + SLICE_SECONDS
        for row in self._checkpoint.profiles.take_changed():
            packed.append(row)
            if time.perf_counter() > slice_end:
                await asyncio.sleep(0)
                slice_end = time.perf_counter() + SLICE_SECONDS
        return packed

    async def _write(self, packed: list[tuple[str, bytes]], host: bytes, saved: Saved) -> bool:
        try:
            await asyncio.to_thread(self._store.save, packed, host, saved)
        except (OSError, sqlite3.Error) as error:
            self.alarm = f"profiles cannot be saved: {error}"
            log.error("%s", self.alarm)
            self._checkpoint.profiles.changed.update(mailbox for mailbox, _ in packed)
            return False
        self.alarm = ""
        self.saved_at = saved.written_at
        return True
