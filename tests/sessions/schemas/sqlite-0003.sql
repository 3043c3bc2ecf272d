BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0003');
CREATE TABLE operations (
	session VARCHAR(32) NOT NULL, 
	seq INTEGER NOT NULL, 
	text TEXT NOT NULL, follows INTEGER DEFAULT '0' NOT NULL, kind VARCHAR(8) DEFAULT 'op' NOT NULL, 
	PRIMARY KEY (session, seq), 
	FOREIGN KEY(session) REFERENCES sessions (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "operations" VALUES('log-that-has-branches0',1,'write    GICR_PROPBASER@0 Physical_Address=0x40200000 IDbits=15',0,'op');
INSERT INTO "operations" VALUES('log-that-has-branches0',2,'write    GICR_PENDBASER@0 PTZ=1 Physical_Address=0x40210000',1,'op');
INSERT INTO "operations" VALUES('log-that-has-branches0',3,'# With a remark above.
write    GICR_CTLR@0 EnableLPIs=1',2,'op');
INSERT INTO "operations" VALUES('log-that-has-branches0',4,'its MAPD device=2 itt=0x40300000 size=5',3,'op');
INSERT INTO "operations" VALUES('log-that-has-branches0',5,'its MAPC collection=1 target=0',4,'op');
INSERT INTO "operations" VALUES('log-that-has-branches0',6,'its MAPTI device=2 event=20 intid=8195 collection=1',5,'op');
INSERT INTO "operations" VALUES('log-that-has-branches0',7,'poke 0x40200003 a1',6,'op');
INSERT INTO "operations" VALUES('log-that-has-branches0',8,'its INV device=2 event=20',7,'op');
INSERT INTO "operations" VALUES('log-that-has-branches0',9,'msi device=2 event=20',8,'op');
INSERT INTO "operations" VALUES('log-that-has-branches0',10,'',8,'go');
INSERT INTO "operations" VALUES('log-that-has-branches0',11,'its CLEAR device=2 event=20',8,'op');
INSERT INTO "operations" VALUES('log-that-has-branches0',12,'title Another
machine implementation=qemu cpus=1',0,'head');
INSERT INTO "operations" VALUES('log-that-has-branches0',13,'read GICD_TYPER',12,'op');
INSERT INTO "operations" VALUES('log-that-has-branches0',14,'read GICD_CTLR',13,'op');
INSERT INTO "operations" VALUES('straight-log-of-ops-00',1,'write    GICR_PROPBASER@0 Physical_Address=0x40200000 IDbits=15',0,'op');
INSERT INTO "operations" VALUES('straight-log-of-ops-00',2,'write    GICR_PENDBASER@0 PTZ=1 Physical_Address=0x40210000',1,'op');
INSERT INTO "operations" VALUES('straight-log-of-ops-00',3,'# With a remark above.
write    GICR_CTLR@0 EnableLPIs=1',2,'op');
INSERT INTO "operations" VALUES('straight-log-of-ops-00',4,'its MAPD device=2 itt=0x40300000 size=5',3,'op');
INSERT INTO "operations" VALUES('straight-log-of-ops-00',5,'its MAPC collection=1 target=0',4,'op');
INSERT INTO "operations" VALUES('straight-log-of-ops-00',6,'its MAPTI device=2 event=20 intid=8195 collection=1',5,'op');
INSERT INTO "operations" VALUES('straight-log-of-ops-00',7,'poke 0x40200003 a1',6,'op');
INSERT INTO "operations" VALUES('straight-log-of-ops-00',8,'its INV device=2 event=20',7,'op');
INSERT INTO "operations" VALUES('straight-log-of-ops-00',9,'msi device=2 event=20',8,'op');
CREATE TABLE sessions (
	id VARCHAR(32) NOT NULL, 
	title VARCHAR(200) NOT NULL, 
	header TEXT NOT NULL, 
	key_hash BLOB NOT NULL, 
	created BIGINT NOT NULL, 
	model VARCHAR(32) NOT NULL, origin INTEGER DEFAULT '0' NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "sessions" VALUES('straight-log-of-ops-00','Kept since schema 0003','# What the fixture begins with.
title    Kept since schema 0003
machine  implementation=kvm cpus=2
',X'5B749C7F62ACF7E64ECA79C4EAFEFAD7832AB45FEBA0E3F2F365FCCF0BF4D536',1795677748,'0.1.0',3);
INSERT INTO "sessions" VALUES('log-that-has-branches0','Kept since schema 0003','# What the fixture begins with.
title    Kept since schema 0003
machine  implementation=kvm cpus=2
',X'5B749C7F62ACF7E64ECA79C4EAFEFAD7832AB45FEBA0E3F2F365FCCF0BF4D536',1795677748,'0.1.0',3);
CREATE TABLE short_links (
	slug VARCHAR(64) NOT NULL, 
	payload TEXT NOT NULL, 
	created BIGINT NOT NULL, 
	PRIMARY KEY (slug)
);
INSERT INTO "short_links" VALUES('short-flq2mrv3c5','AfybgzoyOCO_qASjXQAA',1795677749);
CREATE INDEX short_links_created ON short_links (created);
COMMIT;
