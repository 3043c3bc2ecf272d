BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE operations (
	session VARCHAR(32) NOT NULL, 
	seq INTEGER NOT NULL, 
	text TEXT NOT NULL, 
	PRIMARY KEY (session, seq), 
	FOREIGN KEY(session) REFERENCES sessions (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "operations" VALUES('straight-log-of-ops-00',1,'write    GICR_PROPBASER@0 Physical_Address=0x40200000 IDbits=15');
INSERT INTO "operations" VALUES('straight-log-of-ops-00',2,'write    GICR_PENDBASER@0 PTZ=1 Physical_Address=0x40210000');
INSERT INTO "operations" VALUES('straight-log-of-ops-00',3,'# With a remark above.
write    GICR_CTLR@0 EnableLPIs=1');
INSERT INTO "operations" VALUES('straight-log-of-ops-00',4,'its MAPD device=2 itt=0x40300000 size=5');
INSERT INTO "operations" VALUES('straight-log-of-ops-00',5,'its MAPC collection=1 target=0');
INSERT INTO "operations" VALUES('straight-log-of-ops-00',6,'its MAPTI device=2 event=20 intid=8195 collection=1');
INSERT INTO "operations" VALUES('straight-log-of-ops-00',7,'poke 0x40200003 a1');
INSERT INTO "operations" VALUES('straight-log-of-ops-00',8,'its INV device=2 event=20');
INSERT INTO "operations" VALUES('straight-log-of-ops-00',9,'msi device=2 event=20');
CREATE TABLE sessions (
	id VARCHAR(32) NOT NULL, 
	title VARCHAR(200) NOT NULL, 
	header TEXT NOT NULL, 
	key_hash BLOB NOT NULL, 
	created BIGINT NOT NULL, 
	model VARCHAR(32) NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "sessions" VALUES('straight-log-of-ops-00','Kept since schema 0001','# What the fixture begins with.
title    Kept since schema 0001
machine  implementation=kvm cpus=2
',X'5B749C7F62ACF7E64ECA79C4EAFEFAD7832AB45FEBA0E3F2F365FCCF0BF4D536',1795677740,'0.1.0');
COMMIT;
