CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.operations (
    session character varying(32) NOT NULL,
    seq integer NOT NULL,
    text text NOT NULL,
    follows integer DEFAULT 0 NOT NULL,
    kind character varying(8) DEFAULT 'op'::character varying NOT NULL
);
CREATE TABLE public.sessions (
    id character varying(32) NOT NULL,
    title character varying(200) NOT NULL,
    header text NOT NULL,
    key_hash bytea NOT NULL,
    created bigint NOT NULL,
    model character varying(32) NOT NULL,
    origin integer DEFAULT 0 NOT NULL
);
INSERT INTO public.alembic_version VALUES ('0002');
INSERT INTO public.operations VALUES ('straight-log-of-ops-00', 1, 'write    GICR_PROPBASER@0 Physical_Address=0x40200000 IDbits=15', 0, 'op');
INSERT INTO public.operations VALUES ('straight-log-of-ops-00', 2, 'write    GICR_PENDBASER@0 PTZ=1 Physical_Address=0x40210000', 1, 'op');
INSERT INTO public.operations VALUES ('straight-log-of-ops-00', 3, '# With a remark above.
write    GICR_CTLR@0 EnableLPIs=1', 2, 'op');
INSERT INTO public.operations VALUES ('straight-log-of-ops-00', 4, 'its MAPD device=2 itt=0x40300000 size=5', 3, 'op');
INSERT INTO public.operations VALUES ('straight-log-of-ops-00', 5, 'its MAPC collection=1 target=0', 4, 'op');
INSERT INTO public.operations VALUES ('straight-log-of-ops-00', 6, 'its MAPTI device=2 event=20 intid=8195 collection=1', 5, 'op');
INSERT INTO public.operations VALUES ('straight-log-of-ops-00', 7, 'poke 0x40200003 a1', 6, 'op');
INSERT INTO public.operations VALUES ('straight-log-of-ops-00', 8, 'its INV device=2 event=20', 7, 'op');
INSERT INTO public.operations VALUES ('straight-log-of-ops-00', 9, 'msi device=2 event=20', 8, 'op');
INSERT INTO public.operations VALUES ('log-that-has-branches0', 1, 'write    GICR_PROPBASER@0 Physical_Address=0x40200000 IDbits=15', 0, 'op');
INSERT INTO public.operations VALUES ('log-that-has-branches0', 2, 'write    GICR_PENDBASER@0 PTZ=1 Physical_Address=0x40210000', 1, 'op');
INSERT INTO public.operations VALUES ('log-that-has-branches0', 3, '# With a remark above.
write    GICR_CTLR@0 EnableLPIs=1', 2, 'op');
INSERT INTO public.operations VALUES ('log-that-has-branches0', 4, 'its MAPD device=2 itt=0x40300000 size=5', 3, 'op');
INSERT INTO public.operations VALUES ('log-that-has-branches0', 5, 'its MAPC collection=1 target=0', 4, 'op');
INSERT INTO public.operations VALUES ('log-that-has-branches0', 6, 'its MAPTI device=2 event=20 intid=8195 collection=1', 5, 'op');
INSERT INTO public.operations VALUES ('log-that-has-branches0', 7, 'poke 0x40200003 a1', 6, 'op');
INSERT INTO public.operations VALUES ('log-that-has-branches0', 8, 'its INV device=2 event=20', 7, 'op');
INSERT INTO public.operations VALUES ('log-that-has-branches0', 9, 'msi device=2 event=20', 8, 'op');
INSERT INTO public.operations VALUES ('log-that-has-branches0', 10, '', 8, 'go');
INSERT INTO public.operations VALUES ('log-that-has-branches0', 11, 'its CLEAR device=2 event=20', 8, 'op');
INSERT INTO public.operations VALUES ('log-that-has-branches0', 12, 'title Another
machine implementation=qemu cpus=1', 0, 'head');
INSERT INTO public.operations VALUES ('log-that-has-branches0', 13, 'read GICD_TYPER', 12, 'op');
INSERT INTO public.operations VALUES ('log-that-has-branches0', 14, 'read GICD_CTLR', 13, 'op');
INSERT INTO public.sessions VALUES ('straight-log-of-ops-00', 'Kept since schema 0002', '# What the fixture begins with.
title    Kept since schema 0002
machine  implementation=kvm cpus=2
', '\x5b749c7f62acf7e64eca79c4eafefad7832ab45feba0e3f2f365fccf0bf4d536', 1795677746, '0.1.0', 3);
INSERT INTO public.sessions VALUES ('log-that-has-branches0', 'Kept since schema 0002', '# What the fixture begins with.
title    Kept since schema 0002
machine  implementation=kvm cpus=2
', '\x5b749c7f62acf7e64eca79c4eafefad7832ab45feba0e3f2f365fccf0bf4d536', 1795677746, '0.1.0', 3);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.operations
    ADD CONSTRAINT operations_pkey PRIMARY KEY (session, seq);
ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.operations
    ADD CONSTRAINT operations_session_fkey FOREIGN KEY (session) REFERENCES public.sessions(id) ON DELETE CASCADE;
