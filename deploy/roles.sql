-- The roles and the database, made once by a superuser: recservice_owner owns the tables and migrates, recservice works with their rows and can change
-- no table. The passwords come from the environment; psql 14 or newer:
--   RECSERVICE_OWNER_PASSWORD=… RECSERVICE_PASSWORD=… psql -v ON_ERROR_STOP=1 -f roles.sql postgres
\getenv owner_password RECSERVICE_OWNER_PASSWORD
\getenv password RECSERVICE_PASSWORD
CREATE ROLE recservice_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE recservice LOGIN PASSWORD :'password';
-- Has the server end the sessions of a machine that is gone, with all that they hold locked, within half a minute instead of hours.
ALTER ROLE recservice SET tcp_keepalives_idle = 10;
ALTER ROLE recservice SET tcp_keepalives_interval = 5;
ALTER ROLE recservice SET tcp_keepalives_count = 3;
ALTER ROLE recservice SET tcp_user_timeout = '25s';
CREATE DATABASE recservice OWNER recservice_owner TEMPLATE template0 ENCODING UTF8;
REVOKE ALL ON DATABASE recservice FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE recservice TO recservice;

\connect recservice
-- For whatever tables a migration will make.
ALTER DEFAULT PRIVILEGES FOR ROLE recservice_owner GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO recservice;
ALTER DEFAULT PRIVILEGES FOR ROLE recservice_owner GRANT USAGE ON SEQUENCES TO recservice;
