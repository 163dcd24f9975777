"""Visitors: each has a folder, an agent and limits of their own, and reaches nobody else's.

A browser is known by a random cookie that scripts cannot read; a program without cookies by Gradio's session. Folders
are named by a digest of either, so that what lies on disk opens no session.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import re
import shutil
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from visagent.agent.agent import Agent
from visagent.agent.retention import forget_unused_media
from visagent.core.config import Budget, Profile
from visagent.core.errors import InputError, MediaError, StorageError, VisagentError
from visagent.core.files import files_below, private_folder
from visagent.core.streams import in_own_task
from visagent.media.media import Media, MediaInfo, MediaLimits, load_media
from visagent.media.store import MediaStore
from visagent_apps.web.kept_tabs import MOST_TABS, KeptTabs
from visagent_apps.web.tab_state import TabState
from visagent_apps.web.uploads import Uploads

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

    from visagent.agent.events import Event

_log = logging.getLogger(__name__)
COOKIE = "visagent_session"
PROGRAM = "program"
"""A visitor without a cookie."""
SWEEP_SECONDS = 600.0
"""Seconds between two searches for what nobody has used for too long."""
STOP_SECONDS = 20.0
"""For a run to end once it is stopped."""
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True)
class SessionLimits:
    """What one visitor may take.

    Attributes:
        media: Files on the desk at once; a document is one.
        media_bytes: Largest size of one file, in bytes.
        stored_bytes: Largest size of all media and runs that are kept, in bytes.
        hours: Until what is kept is deleted, from the last visit on.
    """

    media: int = 100
    media_bytes: int = 64 << 20
    stored_bytes: int = 512 << 20
    hours: float = 24.0


class Session:
    """One visitor.

    Args:
        home: The folder of their evidence, media and runs.
        agent: The agent whose models and tools they use.
        limits: What they may take.
        tabs: The folder of what their browser's tabs hold.
    """

    def __init__(self, home: Path, agent: Agent, limits: SessionLimits, tabs: Path) -> None:
        self.home, self.limits = home, limits
        self.agent = agent.at(home)
        self.busy = False
        self._work: asyncio.Task[None] | None = None
        self.language: str | None = None
        """Language of answers; None for the question's."""
        self.seconds: float | None = None
        """For one question; None for the profile's budget."""
        self.page_language: str | None = None
        """Language of the page, once it was chosen; None for the browser's."""
        self._tabs: OrderedDict[str, TabState] = OrderedDict()
        self._kept = KeptTabs(tabs, self.agent.runs)
        self.media = MediaStore(home / "media", limits=media_limits(limits))
        self._infos: dict[str, MediaInfo] = {}

    def use(self, agent: Agent) -> None:
        """Answer from now on with another agent's profile, models and tools."""
        self.agent = agent.at(self.home)

    def tab(self, key: str) -> TabState:
        """What a tab of this visitor's browser holds, from its earlier loading of the page if there was one.

        Args:
            key: That the tab has chosen for itself, and keeps when the page is loaded again.
        """
        if key not in self._tabs:
            self._tabs[key] = tab = self._kept.read(key) or TabState()
            tab.key = key
            tab.hold({name for name, info in tab.media.items() if self._has(info)})
            self._infos |= {info.hash: info for info in tab.media.values()}
        tab = self._tabs[key]
        self._tabs.move_to_end(key)
        while len(self._tabs) > MOST_TABS:
            self._tabs.popitem(last=False)
        return tab

    def keep_tab(self, tab: TabState) -> None:
        """Keep what a tab holds, so that it is there after a restart of the app."""
        if tab.key:
            self._kept.write(tab.key, tab)

    def _has(self, info: MediaInfo) -> bool:
        try:
            self.media.path(info.document or info.hash)
        except MediaError:
            return False
        return True

    @property
    def budget(self) -> Budget:
        """Of this visitor's next question."""
        budget = self.agent.profile.budget
        return budget if self.seconds is None else budget.model_copy(update={"seconds": self.seconds})

    @contextmanager
    def turn(self) -> Iterator[None]:
        """The time in which a question is answered: one at a time.

        Raises:
            InputError: another one is being answered, or too much is kept.
        """
        if self.busy:
            raise InputError("A question of yours is being answered.", "Wait for it, or stop it.")
        self._check_room()
        self.busy = True
        try:
            yield
        finally:
            self.busy = False

    def follow(self, events: AsyncIterator[Event]) -> AsyncIterator[Event]:
        """A run's events until it ends or is stopped, raising what ended it."""

        def note(work: asyncio.Task[None]) -> None:
            self._work = work

        # A task of its own, so that stopping ends the run and not Gradio's work around it.
        return in_own_task(events, started=note, cancel=_cancel_once)

    async def stop(self) -> None:
        """End the run that is going on; what it found is in its checkpoints."""
        if self._work is not None and not self._work.done():
            _cancel_once(self._work)
            # A tool cannot be interrupted in the middle of a computation: it is left to itself.
            await asyncio.wait([self._work], timeout=STOP_SECONDS)

    def take(self, files: Iterable[str | Path]) -> tuple[list[Media], list[VisagentError]]:
        """Open uploaded files with the media guard, keep them, and delete the uploads.

        Returns:
            The media, and for each file that cannot be used what is wrong with it.

        Raises:
            InputError: too much is kept already.
        """
        paths = [Path(file) for file in files]
        found: list[Media] = []
        problems: list[VisagentError] = []
        try:
            self._check_room()
            for path in paths:
                try:
                    found += self.keep(load_media(path, limits=media_limits(self.limits)))
                except VisagentError as error:
                    problems.append(error)
        finally:
            for path in paths:
                path.unlink(missing_ok=True)
        return found, problems

    def fetch(self, address: str) -> list[Media]:
        """Download a medium from a public address and keep it.

        Raises:
            MediaError: the address cannot be fetched, or what it leads to cannot be used.
            InputError: it is no http(s) address, or too much is kept already.
        """
        if not address.lower().startswith(("http://", "https://")):
            raise InputError("This is no address of a picture, video or sound.", "Give one that begins with https://.")
        self._check_room()
        return self.keep(load_media(address, limits=media_limits(self.limits), allow_urls=True))

    def keep(self, media: list[Media]) -> list[Media]:
        """Keep opened media for this visitor; gives them back."""
        for medium in media:
            self.media.put(medium)
            self._free(medium)
            self._infos[medium.hash] = medium.info
        return media

    def medium(self, digest: str) -> Media:
        """A medium of this visitor by its hash.

        Raises:
            MediaError: this visitor has none with this hash.
        """
        return self.media.get(self.info(digest))

    def info(self, digest: str) -> MediaInfo:
        """What is known of a medium of this visitor.

        Raises:
            MediaError: this visitor has none with this hash.
        """
        if digest not in self._infos:
            # After a restart of the app only the runs know.
            for record in self.agent.runs.list():
                self._infos |= {info.hash: info for info in record.media.values() if info.region is None}
        if digest not in self._infos:
            raise MediaError("There is no such medium.", "Load the file again.")
        return self._infos[digest]

    def load(self, infos: Mapping[str, MediaInfo]) -> dict[str, Media]:
        """Media by the names that plans use, without the regions among them."""
        named = {}
        for name, info in infos.items():
            if info.region is None:
                named[name] = self._free(self.media.get(info))
        return named

    def _free(self, medium: Media) -> Media:
        """A medium, whose bytes are read from the store when they are needed: of an album they would fill memory."""
        if medium.kind == "image" and medium.document is None:
            medium.read_from(self.media.path(medium.hash))
        return medium

    def stored(self) -> int:
        """Bytes of all media and runs that are kept."""
        return sum(size for part in ("media", "runs") for _, size in files_below(self.home / part))

    def _check_room(self) -> None:
        most = self.limits.stored_bytes
        if self.stored() <= most:
            return
        # What lies on no desk and in no run cannot be deleted by anybody but us.
        desks = [info for tab in self._tabs.values() for info in tab.media.values()]
        forget_unused_media(self.home, but=[info.document or info.hash for info in desks])
        if (taken := self.stored()) > most:
            # Up for the one and down for the other, so that the first is the larger one.
            raise InputError(
                f"Your runs and media take up {(taken + (1 << 20) - 1) >> 20} MB of the {most >> 20} MB that you have.",
                "Delete runs on the page Runs.",
            )


class Sessions:
    """All visitors of one running app.

    Args:
        agent: The agent whose models all share.
        limits: Limits of each visitor.
        shared: Whether all see the machine's own runs, instead of each their own.
    """

    def __init__(self, agent: Agent, limits: SessionLimits, *, shared: bool = False) -> None:
        # The machine's own runs are its owner's to count.
        self.limits = replace(limits, stored_bytes=sys.maxsize) if shared else limits
        self.shared = shared
        self.uploads = Uploads(limits.media_bytes)
        self._agents = [agent]
        self._root = agent.home / "sessions"
        self._open: dict[str, Session] = {}
        self._lock = threading.Lock()
        threading.Thread(target=self.sweep_for_ever, daemon=True, name="visagent-sweep").start()

    @property
    def agent(self) -> Agent:
        """The one that the app was started with."""
        return self._agents[0]

    def of(self, connection: HTTPConnection | object) -> Session:
        """The session of a request: Gradio's, or the server's own.

        Raises:
            InputError: it has neither a cookie nor a Gradio session.
            StorageError: the visitor's folder cannot be made.
        """
        known, program = visitor_of(connection), getattr(connection, "session_hash", None)
        if known == PROGRAM:
            if not program:
                raise InputError("This request belongs to no session.", "Open the page first.")
            known = f"{PROGRAM} {program}"
        key = hashlib.sha256(known.encode()).hexdigest()[:32]
        own = self._root / key
        home = self.agent.home if self.shared else own
        with self._lock:
            if key not in self._open:
                self._open[key] = Session(home, self.agent, self.limits, own / "tabs")
            try:
                private_folder(home)
                private_folder(own)
                # The folder's time is that of the last visit, also for the next process.
                os.utime(own)
            except OSError as error:
                fact = f"Nothing of yours can be kept ({error.strerror})."
                raise StorageError(fact, "Tell whoever runs the app.") from error
            return self._open[key]

    def agent_for(self, profile: Profile) -> Agent:
        """An agent with another profile; all visitors who choose it share its models."""
        with self._lock:
            for agent in self._agents:
                if agent.profile == profile:
                    return agent
            agent = Agent(profile, home=self.agent.home, limits=media_limits(self.limits))
            self._agents.append(agent)
            return agent

    def sweep(self) -> int:
        """Delete what nobody has used for too long; gives the number of folders."""
        if not self._root.is_dir():
            return 0
        oldest = time.time() - self.limits.hours * 3600
        gone = 0
        with self._lock:
            for folder in self._root.iterdir():
                session = self._open.get(folder.name)
                with suppress(FileNotFoundError):
                    if folder.stat().st_mtime < oldest and not (session and session.busy):
                        shutil.rmtree(folder, ignore_errors=True)
                        self._open.pop(folder.name, None)
                        gone += 1
        return gone

    def sweep_for_ever(self) -> None:
        """`sweep`, and that of the uploads, by and by, whatever goes wrong."""
        while True:
            for sweep in (self.sweep, self.uploads.sweep):
                try:
                    sweep()
                except Exception:
                    # Whatever it was, what visitors have left goes at the next look.
                    _log.warning("what visitors have left could not be deleted", exc_info=True)
            time.sleep(SWEEP_SECONDS)


def visitor_of(connection: HTTPConnection | object) -> str:
    """Who sends a request: a browser by its cookie, or one of the programs that have none."""
    token = getattr(connection, "cookies", {}).get(COOKIE, "")
    return f"browser {token}" if _TOKEN.fullmatch(token) else PROGRAM


def _cancel_once(work: asyncio.Task[None]) -> None:
    """A second time would interrupt the run's closing of its files."""
    if not work.cancelling():
        work.cancel()


def media_limits(limits: SessionLimits) -> MediaLimits:
    """What the media guard lets a visitor load."""
    return MediaLimits(bytes=limits.media_bytes, seconds=900.0)
