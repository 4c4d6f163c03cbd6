"""Turns what the trail answered into a mail ready to go: the report, as the runner wants it."""

from datetime import datetime

from chalicelib import report
from chalicelib.machine import State
from chalicelib.ports import Attachment, Mail, Reported, TrailAnswer
from chalicelib.session import Session


class SessionReports:
    """See ports.Reports."""

    def make(self, session: Session, answer: TrailAnswer, now: datetime) -> Reported:
        """The first report in REPORTING; in CONCLUDING the final one, if there is more to say."""
        made = report.build(
            session,
            answer.records,
            final=session.state is State.CONCLUDING,
            truncated=answer.truncated,
            silent=answer.silent,
        )
        mail = None
        if made.adds_something:
            subject, text, html, attached = report.to_mail(made)
            attachments = tuple(Attachment(*each) for each in attached)
            mail = Mail(session.report_to, subject, text, html, attachments)
        return Reported(mail, made.told, made.count, made.digest)
