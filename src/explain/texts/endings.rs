//! Endings and doubts that any protocol can have; some of them are the capture's more than the network's.

topics! {
    ASKED_AGAIN "asked-again":
        "The request was sent more than once before its answer: the first, or the answer to it, was lost or late.",
        see "RFC 8085, section 3.3" "https://www.rfc-editor.org/rfc/rfc8085#section-3.3";
    LATE "late":
        "This answer came after the log had said that there was none. Mostly the client had given up by then, too.";
    CAPTURE_ENDED "capture-ended":
        "The capture ended while an answer could still come, so this is no failure: the log says what was under \
        way.";
    FORGOTTEN "forgotten":
        "More went on at once than the log remembers, so the oldest was let go to make room. --max-flows and \
        --max-pending set how much that is.";
    UNASKED "unasked":
        "This is an answer, and its question was not seen: it came before the capture began, or went another way, \
        or was never asked.";
}
