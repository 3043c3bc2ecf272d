CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.operations (
    session character varying(32) NOT NULL,
    seq integer NOT NULL,
    text text NOT NULL
);
CREATE TABLE public.sessions (
    id character varying(32) NOT NULL,
    title character varying(200) NOT NULL,
    header text NOT NULL,
    key_hash bytea NOT NULL,
    created bigint NOT NULL,
    model character varying(32) NOT NULL
);
INSERT INTO public.alembic_version VALUES ('0001');
INSERT INTO public.operations VALUES ('straight-log-of-ops-00', 1, 'write    GICR_PROPBASER@0 Physical_Address=0x40200000 IDbits=15');
INSERT INTO public.operations VALUES ('straight-log-of-ops-00', 2, 'write    GICR_PENDBASER@0 PTZ=1 Physical_Address=0x40210000');
INSERT INTO public.operations VALUES ('straight-log-of-ops-00', 3, '# With a remark above.
write    GICR_CTLR@0 EnableLPIs=1');
INSERT INTO public.operations VALUES ('straight-log-of-ops-00', 4, 'its MAPD device=2 itt=0x40300000 size=5');
INSERT INTO public.operations VALUES ('straight-log-of-ops-00', 5, 'its MAPC collection=1 target=0');
INSERT INTO public.operations VALUES ('straight-log-of-ops-00', 6, 'its MAPTI device=2 event=20 intid=8195 collection=1');
INSERT INTO public.operations VALUES ('straight-log-of-ops-00', 7, 'poke 0x40200003 a1');
INSERT INTO public.operations VALUES ('straight-log-of-ops-00', 8, 'its INV device=2 event=20');
INSERT INTO public.operations VALUES ('straight-log-of-ops-00', 9, 'msi device=2 event=20');
INSERT INTO public.sessions VALUES ('straight-log-of-ops-00', 'Kept since schema 0001', '# What the fixture begins with.
title    Kept since schema 0001
machine  implementation=kvm cpus=2
', '\x5b749c7f62acf7e64eca79c4eafefad7832ab45feba0e3f2f365fccf0bf4d536', 1795677742, '0.1.0');
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.operations
    ADD CONSTRAINT operations_pkey PRIMARY KEY (session, seq);
ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.operations
    ADD CONSTRAINT operations_session_fkey FOREIGN KEY (session) REFERENCES public.sessions(id) ON DELETE CASCADE;
