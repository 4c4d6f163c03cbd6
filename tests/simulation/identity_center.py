"""Identity Center's own affairs in a life."""

from chalicelib.domain.machine import State
from chalicelib.domain.session import Access, Session
from tests.fakes.table import short
from tests.simulation.actors import BY_ID, MINUTE, SECOND, Held, Request


class IdentityCenter:
    """Identity Center's own affairs."""

    def accept(
        self, kind: str, access: Access, session_id: str, claim_ends: int, worker: str
    ) -> Request:
        """A request is taken, and will succeed or fail by itself."""
        request = Request(
            f"{kind[0]}{len(self.requests) + 1}", kind, access, session_id, self.now, self.now
        )
        if self.faults.strikes("describe late"):
            request.shown = min(self.now + self.random.randrange(5 * SECOND), claim_ends)
        self.requests[request.id] = request
        self.pending.append(request)
        takes = self.random.randrange(200, 3 * SECOND)
        if self.faults.strikes("slow"):
            takes += self.random.randrange(20 * SECOND, 8 * MINUTE)
        fails = self.faults.strikes("fails")
        self.after(takes, self._fall if fails else self._land, request)
        self.say("center", f"{request.id}: accepts to {kind} for {session_id} ({worker})")
        row = self.row(session_id)
        if row is not None and kind == "create":
            self._allowed(row)
        if (row is None or not row.live) and session_id not in self.lockless:
            state = row.state if row else "no session"
            self.fail(f"a {kind} is accepted for {session_id}, which is {state}")
        return request

    def by_hand(self, kind: str, access: Access) -> Request:
        """A request of somebody else's, which is in progress until they finish it."""
        request = Request(
            f"{kind[0]}{len(self.requests) + 1}", kind, access, "", self.now, self.now
        )
        self.requests[request.id] = request
        self.pending.append(request)
        self.say("admin", f"{request.id}: has AWS {kind} {short(access.key)}")
        return request

    def finish(self, request: Request) -> None:
        request.status = "SUCCEEDED"
        self.pending.remove(request)

    def _allowed(self, row: Session) -> None:
        """Nothing is granted but to who is named, by a glass, on its account and set."""
        person = BY_ID.get(row.principal_id)
        glasses = [*self.glasses.values(), *self.glasses_before]
        places = {(glass.account_id, glass.permission_set) for glass in glasses}
        may = person is not None and person.email in self.people_who_may
        if not may or (row.account_id, row.permission_set_arn) not in places:
            self.fail(f"{row.id} is granted, and no glass allows it")
        if self.slack.get(row.slack_user) is not person:
            self.fail(f"{row.id} is granted to another than who asked")

    def row(self, session_id: str) -> Session | None:
        """The session's row, or what it was before an operator deleted it."""
        return self.rows.sessions.get(session_id) or self.ghosts.get(session_id)

    def accept_late(self, kind: str, access: Access, session_id: str, ends: int) -> None:
        """What was sent before its worker gave up arrives. A delete finds what is there by then,
        also what an administrator has just given: no lock keeps those out."""
        owner = self.truth.get(access.key)
        if kind == "delete" and owner == "admin" and access.key in self.rows.locks:
            self.faults.saw("assignment given while a delete might land")
            self.remove(access)
            self.explained.taken(access)
        elif kind == "create" or owner is not None:
            self.accept(kind, access, session_id, ends, "late")

    def _fall(self, request: Request) -> None:
        if request.open:
            request.status, request.reason = "FAILED", "internal failure"
            self.pending.remove(request)
            self.say("center", f"{request.id}: FAILED")

    def _land(self, request: Request) -> None:
        if not request.open:
            return
        request.status = "SUCCEEDED"
        self.pending.remove(request)
        self.say("center", f"{request.id}: done")
        key, session_id = request.access.key, request.session_id
        owner, row = self.truth.get(key), self.row(session_id)
        assert row is not None
        if request.kind == "delete" and owner is not None:
            self.remove(request.access)
            self._taken(request, owner, row)
        elif request.kind == "create" and owner is None:
            self.truth[key] = session_id
            self.held.append(Held(session_id, request.access, self.now))
            self.listed(key, True)
            if session_id in self.ghosts:
                self.explained.doubtful(request.access)
            if not row.live:
                self.fail(f"{session_id} is {row.state}, and its access lands now")

    def _taken(self, request: Request, owner: str, row: Session) -> None:
        """A session's delete has taken the owner's assignment away: it must have been its own.

        What was under way when its session's row was deleted by hand is remembered by nobody: the
        next press has to wait for it, where its lock still stands. Reconciliation, which mends the
        lock too, does not wait.
        """
        if row.id in self.ghosts:
            self.explained.taken_by_hand.add(request.access.key)
            mended = self.faults.seen.get("row mended by reconciliation")
            waited = not mended and row.id not in self.lockless
            if self._has(request.access, owner) and waited:
                self.fail(f"a delete of {row.id}, whose row is gone, took a live session's access")
            return
        if row.found:
            self.explained.takes(request, owner)
        elif owner in ("standing", "admin") and request.access.key not in self.explained.mixed:
            self.fail(f"{row.id} took away access that stood before it")
        for other in self.rows.sessions.values():
            if other.access == request.access and other.state is State.ACTIVE:
                self.fail(f"{row.id} took away the access of {other.id}, which is ACTIVE")

    def _has(self, access: Access, owner: str) -> bool:
        """Whether a session has the access, by its own grant or by what it saw standing."""
        rows = (row for row in self.rows.sessions.values() if row.live and row.access == access)
        return any(row.state is State.ACTIVE or row.id == owner for row in rows)

    def listed(self, key: str, there: bool) -> None:
        shown = self.listing.setdefault(key, [(0, False)])
        lag = self.random.randrange(self.listing_lag) if self.faults.strikes("listing late") else 0
        shown.append((max(shown[-1][0], self.now + lag), there))

    def lists(self, access: Access) -> bool:
        shown = self.listing.get(access.key, [(0, False)])
        return next(there for since, there in reversed(shown) if since <= self.now)
