"""Every bound on work, memory and storage that a stranger's input can ask for, each with the sum behind it.

A refusal that comes from one of these names the limit, so the numbers are meant to be read by users too. What the
scenario language bounds itself (the length of a line, the size of a `poke`) stands with the language.
"""

from typing import Final

KIB: Final = 1024
MIB: Final = 1024 * KIB

OPERATIONS_PER_SESSION: Final = 10_000
"""Replay costs about 0.1 ms an operation: 10,000 x 0.1 ms = 1 s to open the longest session cold. A class exercise
has tens of operations, what a booting Linux does to its GIC some thousands."""

SESSION_CHARACTERS: Final = 2 * MIB
"""A session's whole text. 10,000 operations of about 60 characters are 600 kB; long `poke` lines take the rest."""

ENTRIES_PER_SESSION: Final = 4 * OPERATIONS_PER_SESSION
"""Rows of a session's log: the operations of all its branches, dropped ones too, and each undo, redo and reset. To open
a session all are read, about 5 us each: 0.2 s. A copy of the session starts with one branch alone."""

ENTRY_CHARACTERS: Final = 4 * SESSION_CHARACTERS
"""The text of all of them together: as many times a session's as there are times its rows, 4 x 2 MiB = 8 MiB."""

WORK_PER_SESSION: Final = 4_000_000
"""What playing a whole session takes, in units of some microseconds (`Machine.work`, and 100 an operation): 4 s to open
it cold. 10,000 operations by themselves are 1,000,000; a Linux boot with its commands about as much."""

PAGES_PER_SESSION: Final = 4_096
"""Pages of RAM that a session writes or copies for its checkpoints: 4,096 x 4 KiB = 16 MiB. A boot writes some 100, and
of 10,000 operations with 312 checkpoints, 4 pages between each, 1,250 are copied."""

PAGES_IN_MEMORY: Final = 64 * 1024
"""The same for all sessions that are kept in memory unused: 256 MiB, the longest unused go first. And for the scenarios
that are kept played. A machine of a shape of its own counts as the 1,000 to 1,900 pages that its register map takes."""

TREE_BYTES_KEPT: Final = 16 * MIB
"""Trees of the navigator kept as HTML, by machine and register on view: 0.2 MB each, with 988 SPIs 1 MB: 16 to 80."""

WORK_PER_REQUEST: Final = 20_000_000
"""What one request may have played: a session (4 s) and the same on four implementations, 5 x 4 s = 20 s of one worker
thread. An operation that goes through every LPI takes up to 500,000."""

PAGES_PER_REQUEST: Final = 4 * PAGES_PER_SESSION
"""RAM written by what one request has played: four implementations x 16 MiB = 64 MiB."""

WORK_PER_ADDRESS_MINUTE: Final = 30_000
"""Milliseconds of play that one address may ask for, requests below FREE_WORK aside: 30 s of the 120 s that two threads
have. 300 people behind one address who each open a link of 40 operations, 4 ms, take 1.2 s."""

FREE_WORK: Final = 10_000
"""Work that is not counted against the address: 10 ms, some 100 operations. It keeps a click free of all counting."""

BRANCHES_PER_SESSION: Final = 32
"""Branches kept beside the one on view: more than a list on a page that anybody can overlook.
32 x 12 lines are 384 rows."""

BRANCH_LINES_SHOWN: Final = 12
"""Operations told of each branch in a list of them: 32 branches x 12 x 60 characters = 23 kB."""

REQUEST_BYTES: Final = 4 * MIB
"""A request body: one whole scenario (2 MiB of ASCII), which JSON escaping or form encoding may double."""

IMPORT_BYTES: Final = 128 * MIB
"""A log, dump or image uploaded to be imported, and what it unpacks to: a trace of 100 MB, some minutes of a busy
guest, with room. It goes to a file as it comes and is read from there line by line, so it takes disk, not memory."""

IMPORT_STEPS: Final = 4_000_000
"""Steps of one import: 128 MiB of the shortest trace lines, about 60 bytes each, with an expectation for each read. Of
each the number of its line is kept, 4 bytes: 16 MB; as text they are 4 million x 75 bytes = 300 MB of disk."""

IMPORT_WORK: Final = 100 * IMPORT_STEPS
"""What playing one import may take, in the units of WORK_PER_REQUEST: so many plain operations, at most two minutes of
its thread (120 s). It is counted against the address when it is over; one that has nothing left starts none."""

IMPORT_WINDOW: Final = 9_000
"""Steps of a longer import that a session begins with: OPERATIONS_PER_SESSION less 1,000 for one's own."""

CONCURRENT_IMPORTS: Final = 1
"""Imports at a time: one core. 100 MB take 10 to 20 s of it, so behind two others one begins within a minute."""

IMPORTS_KEPT: Final = 4
"""Imports waiting, under way or done that are kept to open sessions from: 4 x (128 + 300) MB of disk at worst, and 64
saved positions of some 100 kB each."""

IMPORT_ABANDONED_SECONDS: Final = 15.0
"""An import that nobody has asked about for so long is stopped: its page asks every 0.4 s, as a search's does."""

IMPORT_THREAD_BYTES: Final = 1 * MIB
"""Imports up to this size, some 15,000 lines in 0.15 s, are read by a thread. A larger one takes a process of its own,
which needs a second to start, and then the event loop does not have to take turns with it."""

IMPORT_INLINE_SECONDS: Final = 0.5
"""How long the answer to an upload waits for the import: 2,000 lines take 0.05 s, so what is pasted comes at once."""

FORM_FIELDS: Final = 1_000
"""Fields of one form: the largest of ours, of a register with 64 fields, has some 70."""

IMPLEMENTATIONS_PER_PLAY: Final = 8
"""`POST /play` plays the scenario once for each: 4 implementations today, twice that leaves room."""

OPERATIONS_PER_PLAY: Final = 2_000
"""Nothing of a play is kept: 8 implementations x 2,000 operations x 0.1 ms = 1.6 s of one worker thread."""

ORDER_SEARCH_SLOTS: Final = 12_000_000
"""Registers and LPI fields in all states that a search through restore orders meets. A machine of 2 CPUs with 10 LPIs
has about 160 + 10 x 20 = 360: 33,000 states x 0.8 ms = 27 s of one thread. One level of them is in memory at a time, at
most a third: 4 million x 8 bytes = 32 MB. Such a machine takes 4,000 states, with guest RAM and ITS base 22,000."""

CONCURRENT_SEARCHES: Final = 1
"""Searches through orders at a time, in one thread, for the event loop's sake (as CONCURRENT_PLAYS). The longest takes
27 s (ORDER_SEARCH_SLOTS), so with 2 people before it a search begins within a minute."""

SEARCHES_KEPT: Final = 16
"""Searches under way, waiting or finished that are remembered: a finished one is some 100 kB."""

SEARCH_ABANDONED_SECONDS: Final = 15.0
"""A search that nobody has asked about for so long is stopped: its page asks every 0.4 s,
so some 35 of its questions in a row went missing."""

CARDS_PER_PLAN: Final = 128
"""Steps in one laboratory plan: the 16 of the documented order, with those of one CPU at a time some 100."""

LPIS_PER_OUTCOME: Final = 64
"""Rows of the outcome table in one page, about 300 bytes each: 20 kB."""

LIVE_OPERATIONS: Final = 500
"""The same on a real QEMU, where an operation takes about a millisecond, an ITS command some four accesses: 2 s."""

EXERCISE_LINES: Final = 16 * KIB
"""Characters of an answer to an exercise: 64 operations of 256 characters, the longest that one is written with."""

EXERCISE_LINK: Final = 64 * KIB
"""Characters of an exercise's link sent to the API. Its start has at most 200 operations, which as a link take some
40 characters each: 8 kB, and 8 times that leaves room for pokes."""

CONCURRENT_PLAYS: Final = 2
"""Worker threads for long plays. They share one interpreter lock with the event loop, which must get its turn: with 2
of them it waits 2 x 5 ms (the interpreter's switch interval) at most, and more would not play faster."""

INLINE_OPERATIONS: Final = 64
"""Operations played on the event loop before a worker thread takes over: 64 x 0.1 ms = 6 ms, against the 50 ms that
nobody else may be kept waiting and the 0.2 ms that the way to a thread and back costs."""

INLINE_CHARACTERS: Final = 4 * KIB
"""Scenario text parsed on the event loop, by the same sum: 64 operations of 64 characters."""

INLINE_WORK: Final = 10_000
"""What the operations of a session may have gone through besides themselves before a worker thread looks at it: at 8 a
command 1,250 LPIs mapped, which are looked up in 6 us each: 8 ms."""

INLINE_PAGES: Final = 16
"""The same in pages of RAM that were ever written, as all of them may be table entries: 16 x 512 x 6 us = 49 ms. A
session with every table that there is has written some ten."""

COMMAND_CHARACTERS: Final = 1 * KIB
"""An ITS command pasted to be decoded. Its 32 bytes as a dump with addresses are two lines of 80 characters."""

EFFECTS_SHOWN: Final = 200
"""Effects of one step in an answer. An INVALL of 57,344 LPIs has as many, at some 150 bytes of JSON each 8 MB that
nobody reads; 200 are several screens, and the answer says how many more there were."""

EFFECTS_PER_PLAY: Final = 20_000
"""Effects in the answer to one play, by the same sum: 3 MB of JSON. Later steps then tell values only."""

LANE_STEPS: Final = 16
"""Steps told of at once with what each caused where. To tell, each is played again: from a checkpoint 64 operations
away at most, 16 + 64 x 0.1 ms = 8 ms. They are as many columns as a page has room for."""

LANE_WORDS: Final = 3
"""Sentences of one mark in a lane, of which a step may have thousands alike: 16 steps x 10 marks x 3 x 100 bytes are
48 kB at most; how many there were is told."""

CHOICE_STEPS_SHOWN: Final = 100
"""Steps listed for one choice that the manual leaves open. There are some 50 such choices: 5,000 numbers, 30 kB; the
answer says how many steps there were in all."""

FINDINGS_PER_REVIEW: Final = 200
"""Findings of one review, each object of a rule once: at some 600 bytes of HTML 120 kB, more than anybody reads before
mending the first. The answer says how many more there are."""

FINDING_STEPS_SHOWN: Final = 16
"""Steps listed of a finding that is repeated: 200 x 16 links of 60 bytes are 190 kB at worst; the count tells of the
others."""

DIFFERENCES_TOLD: Final = 300
"""Of two machines, changes of one kind that are told: of registers, LPIs, table entries, ranges of RAM, what is inside.
Each is at most some 450 bytes of HTML: 5 x 300 x 450 = 675 kB. A step changes a few; how many more is told."""

DIFFERENCE_LINK_CHARACTERS: Final = 600
"""A scenario that was pasted to be compared has each difference lead into the explorer where its link is no longer:
some 60 lines. 5 x 300 differences (DIFFERENCES_TOLD) x 600 are 900 kB of addresses at worst, all alike."""

DIFFERENCE_BYTES: Final = 32
"""Bytes shown of a range of RAM that differs, from either machine: an ITS command, four entries of 8 bytes."""

SHORT_LINK_CHARACTERS: Final = 32 * KIB
"""A scenario kept under a short link, packed as in `/x/`. Forty lines take some 400 characters: this is 3,000 lines."""

SHORT_LINKS_PER_HOUR: Final = 1_000
"""New ones on one database, which are kept for good: at 400 characters each 400 kB an hour, at worst 32 MiB. A class
whose 30 students each share thrice has 90."""

LPIS_PER_PAGE: Final = 4_096
"""LPIs in one answer: 4,096 rows x about 250 bytes of JSON = 1 MB. All 57,344 take 14 requests."""

TABLE_ROWS: Final = 4_096
"""Rows of a device table, collection table or ITT in one answer, by the same sum: 4,096 x about 250 bytes = 1 MB."""

MEMORY_BYTES_PER_READ: Final = 64 * KIB
"""Guest RAM in one answer: the largest page of an ITS table (64 KiB), 128 KiB as hex."""

LOGS_PLAYED_ELSEWHERE: Final = 8
"""Logs kept played on every implementation, for who compares one register: 8 logs x 4 machines x about 1 MiB = 32 MiB.
The longest takes 4 x 1 s of a worker thread once, a step more of it 4 x 0.1 ms."""

NOTIFY_BYTES: Final = 7_900
"""An event that travels between servers, as PostgreSQL carries it: it takes up to 7,999 bytes. A longer one arrives as
the word to reload."""

WATCHED_PER_QUERY: Final = 500
"""Sessions that one query asks about after the news were lost: 500 x 22 characters = 11 kB."""

ROWS_PER_INSERT: Final = 500
"""Rows of a backup that are put back in one statement: 500 x about 100 bytes = 50 kB in memory."""

ROWS_PER_COMMIT: Final = 256
"""Entries of logs stored by one statement: those of 256 clicks that wait for one commit. 256 x 5 values are 1,280;
SQLite takes 32,766 in a statement."""

EXPIRED_PER_BATCH: Final = 10
"""Sessions deleted in one transaction: 10 x about 60 rows take 1 ms. At worst they have 10 x 40,000 rows, which SQLite
deletes in about a second; other writers wait 5 s."""

EXPIRY_PAUSE_SECONDS: Final = 0.1
"""Between two of them, for everybody else: 100 sessions a second, 100,000 in 17 minutes."""

EXPIRY_SECONDS: Final = 3_600.0
"""Between two looks for sessions that nobody uses: of a setting in days, 1/24 of a day is near enough."""

LIVE_SESSIONS: Final = 256
"""Played sessions kept while nobody watches them. A played machine with its checkpoints is about 1 MiB: 256 MiB. One
that was evicted is played again from its log on the next click."""

SESSIONS_PER_ADDRESS_HOUR: Final = 1_000
"""Sessions that one address (IPv6: one /64) may start: a lecture hall behind one IPv4 address, 300 people x 3. Each is
some 1 kB; CHARACTERS_PER_START keeps those with long scenarios to 1,000 x 64 KiB = 64 MiB an hour."""

CHARACTERS_PER_START: Final = 64 * KIB
"""A scenario counts as one more start for each: 1,000 lines of 64 characters, and the longest (2 MiB) as 33."""

SHORT_LINKS_PER_ADDRESS_HOUR: Final = 300
"""A class of 100 behind one address, each sharing thrice. Four addresses reach SHORT_LINKS_PER_HOUR, 1,000."""

LIVE_QEMUS_PER_ADDRESS_MINUTE: Final = 10
"""Each takes up to 2 s (LIVE_OPERATIONS), one runs at a time: 10 x 2 s leave 40 s of each minute to others."""

WRONG_KEYS_PER_ADDRESS_MINUTE: Final = 60
"""A key has 256 random bits: 60 tries a minute find none in 10^70 years, and no script is refused for one slip."""

ADDRESSES_COUNTED: Final = 20_000
"""Counts of addresses kept: about 500 bytes each, 10 MB, and 2 ms to look through when some are forgotten. A class of
1,000 has 1,000; more addresses at once are an attack, and then new ones share one account."""

WATCHERS_PER_SESSION: Final = 1_000
"""One large lecture hall on one session. A watcher is a task and a socket, about 60 kB: 60 MB."""

WATCHERS_PER_ADDRESS: Final = 500
"""Event streams of one address (IPv6: one /64) at a time: a lecture hall of 300 behind one IPv4 address, where every
second one has a program or a second window beside the page. A tab that is not seen closes its stream. 8 addresses, and
not one, fill a server."""

WATCHERS_PER_SERVER: Final = 4_000
"""Event streams of one process, each a task and a socket: 4,000 x 60 kB = 240 MB, and 4,000 open files. Each session
watched is in memory: 1,000 plain ones take 1 GiB, and beyond that the page of who comes is not followed live."""

EVENTS_KEPT: Final = 256
"""Events kept for watchers that reconnect. A class steps about once a second: 256 s, four minutes of absence."""

EVENT_BYTES_KEPT: Final = 1 * MIB
"""The same ring in bytes: the fragments of a step are 2 to 20 kB, so 1 MiB holds at least 50 steps."""

READY_SECONDS: Final = 2.0
"""How long `/readyz` waits for the database: an answer takes 1 ms, and who asks gives up after 5 to 10 s."""

SHUTDOWN_SECONDS: Final = 15
"""How long requests under way may take once the server is asked to end, half of the 30 s after which supervisors kill:
a write takes 10 ms."""

COUNT_INTERVAL_SECONDS: Final = 0.5
"""Between two times that the watchers of a session are told how many they are. 1,000 who come within a minute would be
told 1,000 x 500 times; so it is 120 x 500 at 20 us each: 1.2 s of that minute."""

PRESENTER_INTERVAL_SECONDS: Final = 0.5
"""Between two places of a presenter that watchers are told. An event is some 150 bytes, but has every follower ask for
the register: at 5 ms each a class of 30 takes 0.15 s of every 0.5 s, and a person moves once in some seconds."""

PRESENTER_GONE_SECONDS: Final = 20.0
"""A presenter's tab without a line for so long presents no longer: a server takes 5 to 10 s to restart."""

PRESENTER_PLACE_CHARACTERS: Final = 1_000
"""A presenter's place as it is sent: a register's name of 64 characters and ten short values are some 300."""

HEARTBEAT_SECONDS: Final = 20.0
"""Silence on an event stream before a comment line is sent: proxies close idle connections after 30 to 60 s."""
