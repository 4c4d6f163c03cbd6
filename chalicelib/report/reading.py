"""Reads the trail for a session's report in pieces, each as long as a worker can be.

One call of `go_on` is one piece. What a piece has come to is its progress. Of an ordinary session
that is which queries were asked, for what they found is read again in a second; nothing else is
kept. Where there is more to read than that, everything that was counted is written into rows of its
own, and the progress names them. Rows are written under the name of their content and before the
progress that names them, and never again: so a worker that dies, or comes too late, has spoilt
nothing, and whoever repeats the piece comes to the same.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from chalicelib.domain.ask import Ask
from chalicelib.domain.errors import ExternalError, Lost, Unavailable
from chalicelib.domain.machine import State
from chalicelib.domain.ports import Attachment, Mail, Pieces, Reading, Reported, Trail, TrailPage
from chalicelib.domain.session import Session
from chalicelib.judge.rules import Book, usable
from chalicelib.report.asking import ask
from chalicelib.report.made import Report
from chalicelib.report.mail import to_mail
from chalicelib.report.progress import NO_START, Progress, Spoilt, Work, kept, load, names, save
from chalicelib.report.search import ANYONE, Query, seconds
from chalicelib.report.wording import told
from chalicelib.words import gaps

MOST_ASKS = 20  # in vain, in a report
PAGE = 1_000  # rows; a record has 256 KB at the most, and a page has to fit into a worker's memory
AGAIN = 2_000  # records of a search that are rather read again than written down …
PAGES = 3  # … and pages, of which those of a bucket may be long and have few records
PIECE = timedelta(seconds=30)  # of a worker's minute
LEAST = timedelta(seconds=20)  # what a worker must have left to begin another page, or the mail
GIVE_UP = timedelta(hours=4)  # after the report was due: nothing more is asked, and what is there
# is told; a query that still runs is waited for
QUERY_LIVES = timedelta(minutes=60)  # as AWS has it
BLIND = GIVE_UP + 2 * QUERY_LIVES  # then nothing is read any more: it may be what kills the workers
LATE = timedelta(seconds=90)  # a report is begun within a minute, or somebody has died over it
SEARCH = timedelta(seconds=3)  # what a query takes at the least
REST = timedelta(seconds=30)  # after the trail did not answer
SELDOM = timedelta(minutes=1)  # how often a slow one is looked at, at the least
PATIENCE = timedelta(minutes=15)  # how long it rests at the most after queries came to nothing

Remaining = Callable[[], timedelta]
InVain = Callable[[Session, int], Iterable[Ask]]  # what was asked of it and refused, so many


class SessionReports:
    """See ports.Reports."""

    def __init__(
        self,
        trail: Trail,
        pieces: Pieces,
        rules: Iterable[Mapping[str, Any]] = (),
        in_vain: InVain = lambda session, most: (),
    ) -> None:
        self._in_vain = in_vain
        self._trail = trail
        self._pieces = pieces
        self._rules = tuple(rules)

    @cached_property
    def _book(self) -> Book:
        return usable(self._rules)

    def go_on(
        self, session: Session, now: datetime, remaining: Remaining, again: bool = False
    ) -> Reading | Reported:
        late = now - _due(session)  # [REPORTS 3]
        given_up = late >= GIVE_UP
        if not session.trail_query:
            return self._begin(session, now, given_up, again or late >= LATE)
        piece = _Piece(
            self._trail, self._pieces, self._book, session, now, remaining, given_up, again,
            self._in_vain,
        )  # fmt: skip
        try:
            begun = session.trail_query_at or now
            if late >= BLIND and now - begun >= BLIND - GIVE_UP:
                return piece.tell(gaps.NOT_IN_TIME)
            return piece.go_on()
        except Exception as error:
            if not given_up:
                raise
            said = (
                error if isinstance(error, ExternalError) else f"a mistake: {type(error).__name__}"
            )
            if not isinstance(error, Unavailable):
                piece.work = Work.of(session, now, self._book)  # what it holds may be half done
            return piece.tell(gaps.not_to_its_end(said))

    def _begin(self, session: Session, now: datetime, given_up: bool, again: bool) -> Reading:
        """Starts the search, and that is all: whoever calls holds no claim yet."""
        work = Work.of(session, now)
        try:
            ask(self._trail, session, work, now, 0, again=again)
        except Exception as error:
            if not given_up:
                raise
            said = (
                error if isinstance(error, ExternalError) else f"a mistake: {type(error).__name__}"
            )
            return Reading(f"{NO_START}{said}"[:300], timedelta(0))
        return Reading(str(kept(work)), SEARCH)

    def leave(self, reading: Reading) -> None:
        try:
            progress = Progress.parse(reading.progress)
            if progress is not None and progress.running is not None:
                self._trail.stop(Query(*progress.running).id)
        except (Spoilt, Unavailable):
            return  # AWS stops it by itself

    def forget(self, session: Session) -> None:
        try:
            for name in names(self._pieces, session):
                self._pieces.drop(session.id, name)
        except Unavailable:
            return  # the table's TTL will


class _Piece:
    """One call: from the progress that the session has to the next one, or to the report."""

    def __init__(
        self,
        trail: Trail,
        pieces: Pieces,
        book: Book,
        session: Session,
        now: datetime,
        remaining: Remaining,
        given_up: bool,
        again: bool,
        in_vain: InVain,
    ) -> None:
        self.in_vain = in_vain
        self.trail, self.pieces, self.book = trail, pieces, book
        self.session, self.now, self.given_up, self.again = session, now, given_up, again
        self.remaining, self.begun = remaining, remaining()
        self.work = Work.of(session, now, book)
        self.first: dict[tuple[str, str], TrailPage] = {}  # of what was asked last, by id and token
        self.pages = 0

    def go_on(self) -> Reading | Reported:
        try:
            progress = Progress.parse(self.session.trail_query)
            if progress is None:
                why = self.session.trail_query.removeprefix(NO_START)
                return self.tell(gaps.not_searched(why))
            return self._from(progress)
        except Spoilt as spoilt:
            return self._afresh(str(spoilt))

    def _from(self, progress: Progress) -> Reading | Reported:
        if progress.running is not None:
            query = Query(*progress.running)
            try:
                page = self.trail.page(query.id, PAGE, query.token)
            except Lost as lost:
                self.work = load(self.pieces, self.session, progress, self.book)
                return self._again(query, lost)
            if page is None:
                return self._waits(progress, query)
            self.first[query.id, query.token] = page
        self.work = load(self.pieces, self.session, progress, self.book)
        return self._read()

    # Reading -------------------------------------------------------------------------------------

    def _read(self) -> Reading | Reported:
        """As far as it goes; where the trail stops answering, what was read till then is kept."""
        before = self.work.rows
        try:
            return self._pages()
        except Unavailable as error:
            if self.given_up or self.work.rows - before <= AGAIN:
                raise
            return self._save(REST, str(error))

    def _pages(self) -> Reading | Reported:
        """Page after page, until a query has to run, the time is used up, or all is read."""
        search, first = self.work.search, True
        while True:
            if not first and self._spent():
                return self._save(timedelta(0))
            first = False
            if (query := search.unread) is not None:
                try:
                    page = self.first.pop((query.id, query.token), None)
                    page = page or self.trail.page(query.id, PAGE, query.token)
                except Lost as lost:
                    return self._again(query, lost)
                if page is None:
                    if self.given_up and self._old(query):
                        return self._stop(query)
                    return self._save(SEARCH)
                self._take(query, page)
            elif (started := self._ask_further()) is not None:
                return started
            elif self.work.sieve.spilt and not search.again:
                self.work.sieve.begin_again()
                self.work.forget_ids()
                search.read_again()
            else:
                return self._finish()

    def _take(self, query: Query, page: TrailPage) -> None:
        work = self.work
        take = work.sieve.again if work.search.again else work.sieve.take
        account = self.session.account_id
        for record in page.records:
            work.search.heard |= record.get("recipientAccountId") == account
            work.search.note(record)
            take(record)
        self.pages += 1
        work.rows += len(page.records)
        query.rows += len(page.records)
        query.token = page.token
        query.last = page.last or query.last
        work.search.narrow |= page.narrow
        if not page.token:
            work.search.full(query, page.matched)

    def _ask_further(self) -> Reading | None:
        """Starts the query that has to follow, if one has to; one at a time."""
        work, search = self.work, self.work.search
        if search.again:
            return None
        terms: list[str] = []
        if search.rest is None:
            terms = search.new_terms(work.sieve.settle().followed)
        unheard = not search.heard and search.anyone is None
        if not (search.rest or terms or unheard):
            return None
        if self.given_up:  # there is more, and no time to ask for it
            search.cut, search.rest = True, None
            return None
        if search.rest is not None:
            start, end, round_ = search.rest
            self._start(round_, start, end)
            search.rest = None
        elif terms:
            search.terms.append(terms)
            try:
                self._start(len(search.terms) - 1, search.start, search.end)
            except Unavailable:
                search.terms.pop()
                raise
        else:
            search.anyone = self._start(ANYONE, search.start, search.end)
        return self._save(SEARCH)

    def _start(self, round_: int, start: int, end: int, instead: str = "") -> Query:
        return ask(self.trail, self.session, self.work, self.now, round_, start, end,
                   again=self.again, instead=instead)  # fmt: skip

    def _finish(self) -> Reading | Reported:
        search, silent = self.work.search, False
        if not search.heard and search.anyone is not None:
            page = self._heard(search.anyone)
            if page is None and not (self.given_up and self._old(search.anyone)):
                return self._save(SEARCH)
            if page is not None and page.token and not page.records:  # there is more to look at
                search.anyone.token = page.token
                return self._save(timedelta(0))
            silent = page is not None and not page.records
            search.cut = search.cut or page is None
        self.work.sieve.judge_waiting()
        return self._reported(silent=silent)

    def _heard(self, anyone: Query) -> TrailPage | None:
        page = self.first.pop((anyone.id, anyone.token), None)
        return page or self.trail.page(anyone.id, 1, anyone.token)

    def _spent(self) -> bool:
        left = self.remaining()
        return left < LEAST or self.begun - left >= PIECE

    # What does not go as it should ---------------------------------------------------------------

    def _waits(self, progress: Progress, query: Query) -> Reading | Reported:
        """The query runs: when to look again, or no more of it."""
        age = timedelta(seconds=max(0, seconds(self.now) - query.asked))
        if self._old(query):
            self.work = load(self.pieces, self.session, progress, self.book)
            if self.given_up:
                return self._stop(query)
            self._stopped(query)
            return self._again(query, Lost(gaps.ran_for(QUERY_LIVES)))
        wait = min(max(age / 2, timedelta(seconds=1)), SELDOM)
        return Reading(self.session.trail_query, wait)

    def _old(self, query: Query) -> bool:
        """Whether it has run for as long as AWS lets one run."""
        return seconds(self.now) - query.asked >= QUERY_LIVES.total_seconds()

    def _stop(self, query: Query) -> Reported:
        self._stopped(query)
        return self.tell(gaps.ENDLESS)

    def _stopped(self, query: Query) -> None:
        try:
            self.trail.stop(query.id)
        except Unavailable:
            return  # AWS stops it by itself

    def _again(self, query: Query, lost: Lost) -> Reading | Reported:
        """A query, or a page of one, is not there any more: that one is asked again.

        What it gave before is known by its ids, and counts once.
        """
        search = self.work.search
        if self.given_up:
            return self.tell(gaps.not_to_its_end(lost))
        search.tries += 1
        wait = min(SEARCH * 2 ** min(search.tries, 12), PATIENCE)
        if search.anyone is not None and search.anyone.id == query.id:
            search.anyone = None
            return self._save(wait, error=str(lost))
        mine = next(each for each in search.queries if each.id == query.id)
        if mine.token:
            mine.token, mine.rows = "", 0
            return self._save(timedelta(0), error=str(lost))
        place = search.queries.index(mine)
        query = self._start(mine.round, mine.start, mine.end, instead=mine.id)
        search.queries[place] = query
        return self._save(wait, error=str(lost))

    def _afresh(self, why: str) -> Reading | Reported:
        if self.given_up:
            return self.tell(gaps.not_to_its_end(why))
        self.work = Work.of(self.session, self.now, self.book)
        self._start(0, self.work.search.start, self.work.search.end)
        return Reading(str(kept(self.work)), SEARCH, gaps.afresh(why))

    def _save(self, wait: timedelta, error: str = "") -> Reading:
        """What this piece has come to.

        What can be read again in a moment is not written down, where a query has to run before
        there is more: in the midst of reading, a slow worker would read the same for ever.
        """
        few = self.work.rows <= AGAIN and self.pages <= PAGES
        progress = kept(self.work) if wait and few and not self.work.search.again else None
        if progress is None:
            progress = save(self.pieces, self.session, self.work)
        return Reading(str(progress), wait, error)

    # The report ----------------------------------------------------------------------------------

    def tell(self, why: str) -> Reported:
        """The report of what was read, that says what it does not have."""
        self.work.sieve.judge_waiting()
        rest = gaps.what_it_has(self.work.sieve.counts["seen"])
        return self._reported(missing=(f"{why} {rest}",))

    def _reported(self, *, silent: bool = False, missing: tuple[str, ...] = ()) -> Reported:
        work, search = self.work, self.work.search
        asks = missing or search.cut
        made = work.gathered.report(
            work.sieve,
            truncated=search.cut,
            silent=silent,
            missing=missing,
            by_hand=search.by_hand(self.trail.log_group, self.session.account_id) if asks else None,
            narrow=search.narrow,
        )
        mail = None
        if made.adds_something:
            made = self._with_asks(made)
            subject, text, html, attached = to_mail(made)
            attachments = tuple(Attachment(*each) for each in attached)
            mail = Mail(self.session.report_to, subject, text, html, attachments)
        return Reported(mail, told(made), made.count, made.digest)

    def _with_asks(self, made: Report) -> Report:
        """What was asked in vain is in the mail alone, so it is read when there is one."""
        try:
            asked = tuple(self.in_vain(self.session, MOST_ASKS))
        except ExternalError:
            return replace(made, missing=(*made.missing, gaps.WHO_ASKED))
        return replace(made, asked=asked)


def _due(session: Session) -> datetime:
    concluding = session.state is State.CONCLUDING
    return (session.conclude_at if concluding else session.report_at) or session.asked_at
