#!/usr/bin/env bash
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly root
readonly solution=$root/RecService.sln
readonly service=$root/src/RecService.Api
readonly least_postgres=15

# No compiler or build server may outlive this script, and the summary lines of `dotnet test` are read below, so they have to be in English.
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_SKIP_WORKLOAD_INTEGRITY_CHECK=1 DOTNET_CLI_UI_LANGUAGE=en
# A bare machine has no libicu, without which the SDK does not start; nothing here needs it. Without it, the SDK knows no culture of the packages'.
if ! /sbin/ldconfig -p 2>/dev/null | grep -q libicuuc; then
  export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=${DOTNET_SYSTEM_GLOBALIZATION_INVARIANT:-1} MSBuildWarningsAsMessages='NETSDK1187;NETSDK1188'
fi
export DOTNET_CLI_USE_MSBUILD_SERVER=0 MSBUILDDISABLENODEREUSE=1 UseSharedCompilation=false MSBUILDTERMINALLOGGER=off

usage() {
  cat <<'TEXT'
usage: ./build.sh COMMAND

  demo [--once] [--movielens DIR] [--user ID] [--seed N]
                 start the service with data of its own on http://localhost:8080, load data, train, print
                 recommendations and an API key, and keep serving until Ctrl-C; --once stops after printing
  sample [DEMO'S ARGS]
                 the same, and a shop on http://localhost:8090 that recommends by it: samples/Shop
  run [ARGS]     start the service in the foreground, as Development unless ASPNETCORE_ENVIRONMENT says otherwise: with
                 the embedded database unless a connection string is set, and an API key that the first start prints;
                 ARGS are settings, for instance --Training:Factors=32
  cli [ARGS]     the command line tool `recservice`; ARGS are its own, for instance train --help
  test [ARGS]    all tests; ARGS go to `dotnet test`, for instance --filter NAME
  test faults    the tests of faults in full, with their figures: kills, restarts of PostgreSQL, a full disk, hostile
                 requests; RECSERVICE_FAULTS_SEED repeats a run. `test` and `check` have a short form of them
  clients        generates clients from the OpenAPI document with NSwag, Kiota and, where npm is there, openapi-typescript;
                 compiles them and has each ingest, train, recommend and export at a service that it starts
  contract       writes src/RecService.Client/contract.json, of which the .NET client is generated, as the service is now
  check          formatting, a build without warnings, and all tests
  bench [NAME]   benchmarks: of the engine (`bench engine`, `bench ranking`); of a service that they start, with a database
                 in a temporary folder: how fast interactions come in beside COPY (`bench ingest`), how long and large exports
                 and imports are in each format (`bench formats`), an hour or so of
                 mixed load with a training run every minute (`bench load MINUTES`, and with people at the dashboard `bench load MINUTES SESSIONS`), what millions of interactions and items take in
                 time and memory, beside the service of another commit (`bench scale [--small] [--before DIR] [--json FILE]`; DIR
                 has its RecService.Api.dll), what recommendations take beside bombs,
                 stalled readers and crowds (`bench floods [SECONDS]`), and how well it recommends, also to
                 users whom its model has not seen (`bench quality DIR [--seeds N] [--folds N]`; DIR has train.tsv and
                 test.tsv: user, tab and item a line, of each user in order of time), and how soon it knows what a user
                 has just done (`bench freshness DIR`); `bench access URL` times refusals of a running service
  help           this text

environment:
  RECSERVICE_PORT   port of `demo`, `sample` and `run` (8080)
  RECSERVICE_SHOP_PORT   port of the shop of `sample` (8090)
  RECSERVICE_DATA   folder for the data of `run` (/var/lib/recservice for root, else ~/.local/share/recservice);
                    those of `demo` lie beside it, with names that end in -demo and -demo-movielens
TEXT
}

say() { printf '%s\n' "$*"; }
fail() { printf 'build.sh: %s\n' "$*" >&2; exit 1; }

# --- processes: whatever this script has started is stopped when it ends, however it ends ---------------------------------------------------

running=()

# Every child leads a session of its own, so that Ctrl-C reaches this script alone and stopping a child stops its children.
# The parent-death signal is for the case that this script is killed outright.
guard=()
if command -v setsid >/dev/null; then guard=(setsid); fi
if setpriv --pdeathsig TERM true 2>/dev/null; then guard+=(setpriv --pdeathsig TERM); fi
# bash starts what runs in the background with SIGINT ignored, which its children would inherit.
if env --default-signal=INT,QUIT true 2>/dev/null; then guard+=(env "--default-signal=INT,QUIT"); fi

signal() { # SIGNAL PID
  kill "-$1" -- "-$2" 2>/dev/null || kill "-$1" "$2" 2>/dev/null
}

stop() { # PID: asks the process to stop, and insists after half a minute
  local tries
  signal TERM "$1" || return 0
  for ((tries = 0; tries < 300; tries++)); do
    kill -0 "$1" 2>/dev/null || break
    sleep 0.1
  done
  signal KILL "$1" || true
}

cleanup() {
  trap '' INT TERM HUP
  local i
  for ((i = ${#running[@]} - 1; i >= 0; i--)); do stop "${running[i]}"; done
}

trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

start() { # COMMAND: in the background; its process id is $started
  "${guard[@]}" "$@" <&0 &
  started=$!
  running+=("$started")
}

forget() { # PID
  local pid kept=()
  for pid in "${running[@]}"; do [[ $pid == "$1" ]] || kept+=("$pid"); done
  running=("${kept[@]}")
}

# Runs a command and waits for it. In the background, because bash acts on a signal only between foreground commands.
attend() {
  local status=0 pid
  start "$@"
  pid=$started
  wait "$pid" || status=$?
  forget "$pid"
  return "$status"
}

# --- what the commands need -----------------------------------------------------------------------------------------------------------------

need_dotnet() {
  command -v dotnet >/dev/null || fail 'the .NET 10 SDK is needed (https://dotnet.microsoft.com/download/dotnet/10.0)'
  # global.json names the SDK; `dotnet --version` says why when it is not there.
  (cd "$root" && dotnet --version >/dev/null) || fail 'the .NET 10 SDK is needed (https://dotnet.microsoft.com/download/dotnet/10.0)'
}

has_postgres() {
  local dir version candidates=() path_dirs
  IFS=: read -ra path_dirs <<<"$PATH"
  candidates=("${Database__BinDirectory:-}" "${path_dirs[@]}" /usr/lib/postgresql/*/bin)
  for dir in "${candidates[@]}"; do
    [[ -n $dir && -x $dir/postgres && -x $dir/initdb ]] || continue
    version=$("$dir/postgres" --version 2>/dev/null) || continue
    [[ $version =~ \)\ ([0-9]+) ]] && ((BASH_REMATCH[1] >= least_postgres)) && return 0
  done
  return 1
}

need_postgres() {
  has_postgres && return
  local sudo=()
  local advice="PostgreSQL $least_postgres or newer is needed: install its server package (Debian, Ubuntu: apt-get install postgresql)"
  command -v apt-get >/dev/null || fail "$advice."
  if ((EUID != 0)); then
    { command -v sudo >/dev/null && sudo -n true 2>/dev/null; } || fail "$advice as root."
    sudo=(sudo)
  fi

  say 'Installing the PostgreSQL server package …'
  # Debian makes and starts a cluster of its own with the package; nobody asked for that one.
  local dropin=
  if ! dpkg-query -W -f='${Status}' postgresql-common 2>/dev/null | grep -q 'ok installed'; then
    dropin=/etc/postgresql-common/createcluster.d/recservice.conf
    "${sudo[@]}" mkdir -p "${dropin%/*}"
    printf 'create_main_cluster = false\n' | "${sudo[@]}" tee "$dropin" >/dev/null
  fi
  local log status=0
  log=$(mktemp)
  {
    attend "${sudo[@]}" apt-get -q update &&
      attend "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qy -o Dpkg::Options::=--force-confold install --no-install-recommends postgresql
  } >"$log" 2>&1 || status=$?
  [[ -z $dropin ]] || "${sudo[@]}" rm -f "$dropin"
  if ((status != 0)); then
    tail -n 20 "$log" >&2
    rm -f "$log"
    fail "apt-get could not install the postgresql package; $advice."
  fi
  rm -f "$log"
  has_postgres || fail "the postgresql package of this system is older than version $least_postgres; $advice."
}

# Tests of the dashboard want a browser. Without one they are skipped, and say so.
want_chromium() {
  local name
  for name in chromium chromium-browser google-chrome; do [[ ! -x /usr/bin/$name ]] || return 0; done
  [[ -z ${RECSERVICE_CHROMIUM:-} ]] && command -v apt-get >/dev/null || return 0
  local sudo=()
  if ((EUID != 0)); then
    { command -v sudo >/dev/null && sudo -n true 2>/dev/null; } || return 0
    sudo=(sudo)
  fi
  say 'Installing Chromium for the tests of the dashboard …'
  { attend "${sudo[@]}" apt-get -q update &&
    attend "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends chromium; } >/dev/null 2>&1 ||
    say 'It could not be installed: these tests will be skipped.'
}

build() { # PROJECT: says nothing unless there is an error
  attend dotnet msbuild "$1" -restore -p:Configuration=Release -verbosity:quiet -nologo -nodeReuse:false || fail 'the build failed'
}

release_of() { # PROJECT ASSEMBLY
  printf '%s/bin/Release/net10.0/%s.dll' "$1" "$2"
}

port() { # NAME DEFAULT: of a variable
  local port=${!1:-$2}
  if ! [[ $port =~ ^[1-9][0-9]{0,4}$ ]] || ((port > 65535)); then
    fail "$1 is '$port', which is not a port"
  fi
  printf '%s' "$port"
}

service_port() { port RECSERVICE_PORT 8080; }

port_taken() { # PORT
  (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null || (exec 3<>"/dev/tcp/::1/$1") 2>/dev/null
}

data_folder() { # of the service; the demo's lie beside it, as the service wants a folder of its own
  if [[ -n ${RECSERVICE_DATA:-} ]]; then
    realpath -m -- "$RECSERVICE_DATA"
  elif ((EUID == 0)); then
    printf /var/lib/recservice
  elif [[ ${XDG_DATA_HOME:-} == /* ]]; then
    printf '%s/recservice' "$XDG_DATA_HOME"
  else
    printf '%s/.local/share/recservice' "${HOME:?HOME is not set; name a folder in RECSERVICE_DATA}"
  fi
}

new_key() { printf 'rs_bootstrap_%s' "$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')"; }

# Names of variables that configuration would read as a connection string, whatever their case.
connection_variables() { compgen -e | grep -i '^ConnectionStrings__' || true; }

# --- commands -------------------------------------------------------------------------------------------------------------------------------

run() {
  local port
  port=$(service_port)
  need_dotnet
  if [[ -z $(connection_variables) ]]; then
    need_postgres
    [[ -z ${RECSERVICE_DATA:-} ]] || Database__DataDirectory=$(data_folder)
    [[ -z ${Database__DataDirectory:-} ]] || export Database__DataDirectory
  fi
  build "$service"
  export ASPNETCORE_URLS=${ASPNETCORE_URLS:-http://localhost:$port} ASPNETCORE_ENVIRONMENT=${ASPNETCORE_ENVIRONMENT:-Development}
  exec dotnet "$(release_of "$service" RecService.Api)" "$@"
}

demo() {
  local once=false port data log key server status=0
  start_demo "$@"
  if $once; then
    finish "$server"
  fi

  say "Serving on http://localhost:$port until Ctrl-C, with this API key:"
  say "  export KEY=$key"
  say "Look at http://localhost:$port with it, or at the API on http://localhost:$port/swagger"
  trap 'finish "$server"' INT TERM
  wait "$server" || status=$?
  say "The service stopped by itself. The end of $log:" >&2
  tail -n 20 "$log" >&2
  exit $((status == 0 ? 1 : status))
}

sample() {
  local once=false port data log key server shop_port shop status=0
  shop_port=$(port RECSERVICE_SHOP_PORT 8090)
  if port_taken "$shop_port"; then
    fail "port $shop_port is taken by another program; RECSERVICE_SHOP_PORT=8091 ./build.sh sample uses another one"
  fi
  start_demo "$@"
  build "$root/samples/Shop"
  say
  say "The shop is on http://localhost:$shop_port until Ctrl-C (log in ${log%.log}-shop.log)."
  ASPNETCORE_ENVIRONMENT=Development ASPNETCORE_URLS=http://localhost:$shop_port RecService__BaseAddress=http://localhost:$port \
    RecService__ApiKey=$key start dotnet "$(release_of "$root/samples/Shop" Shop)" --contentRoot "$root/samples/Shop" </dev/null >"${log%.log}-shop.log" 2>&1
  shop=$started
  if $once; then
    until port_taken "$shop_port" || ! kill -0 "$shop" 2>/dev/null; do sleep 0.2; done
    finish "$shop"
  fi

  # The shop first: it sends what it has to the service when it ends.
  trap 'finish "$shop"' INT TERM
  wait -n "$shop" "$server" || status=$?
  say "The shop or the service stopped by itself. The ends of their logs:" >&2
  tail -n 20 "${log%.log}-shop.log" "$log" >&2
  exit $((status == 0 ? 1 : status))
}

# Starts the service with data of its own, for `demo` and `sample`, which have the variables for what it sets.
start_demo() {
  local movielens='' seed='' arguments=()
  while (($# > 0)); do
    case $1 in
      --once) once=true ;;
      --movielens | --user | --seed)
        (($# > 1)) || fail "$1 needs a value"
        case $1 in
          --movielens) movielens=$2 ;;
          --seed) seed=$2 ;;
        esac
        arguments+=("$1" "$2")
        shift
        ;;
      *) fail "demo and sample do not know '$1'; see ./build.sh help" ;;
    esac
    shift
  done
  [[ $seed =~ ^[0-9]*$ ]] || fail "--seed is '$seed', which is not a number"
  [[ -z $movielens || -d $movielens ]] || fail "there is no folder '$movielens'"

  local name
  port=$(service_port)
  data=$(data_folder)-demo${movielens:+-movielens}
  if [[ -n $seed && -z $movielens ]]; then data+=-$seed; fi # another seed makes other data under the same ids
  log=$data.log
  if port_taken "$port"; then
    fail "port $port is taken by another program; RECSERVICE_PORT=8081 uses another one"
  fi
  need_dotnet
  need_postgres
  if ! { mkdir -p "${data%/*}" && : >"$log"; } 2>/dev/null; then
    fail "$log cannot be written; RECSERVICE_DATA names another folder for the demo's data"
  fi

  say 'Building …'
  build "$service"
  build "$root/src/RecService.Cli"

  # The demo has a database of its own, even where the environment names another for the service.
  for name in $(connection_variables); do unset "$name"; done
  say "Starting the service on http://localhost:$port (data in $data, log in $log) …"
  key=${Access__BootstrapKey:-$(new_key)}
  local client
  ASPNETCORE_ENVIRONMENT=Development ASPNETCORE_URLS=http://localhost:$port Database__DataDirectory=$data Access__BootstrapKey=$key \
    start dotnet "$(release_of "$service" RecService.Api)" </dev/null >"$log" 2>&1
  server=$started
  # By the environment, as arguments can be read by everybody on the machine.
  RECSERVICE_API_KEY=$key start dotnet "$(release_of "$root/src/RecService.Cli" recservice)" demo --url "http://localhost:$port" "${arguments[@]}"
  client=$started
  # Whichever ends first: a service that stops before the client has finished is an error.
  wait -n "$client" "$server" || status=$?
  if ! kill -0 "$server" 2>/dev/null; then
    stop "$client"
    say "The service stopped. The end of $log:" >&2
    tail -n 20 "$log" >&2
    exit 1
  fi
  forget "$client"
  ((status == 0)) || fail "the demo failed; the service's log is $log"
}

finish() { # PID of the service: stops it and ends with its own exit code
  local status=0
  trap '' INT TERM HUP
  stop "$1"
  wait "$1" || status=$?
  forget "$1"
  exit "$status"
}

cli() {
  need_dotnet
  build "$root/src/RecService.Cli" </dev/null >&2
  exec dotnet "$(release_of "$root/src/RecService.Cli" recservice)" "$@"
}

tests() {
  need_dotnet
  [[ -n ${RECSERVICE_TEST_DATABASE:-} ]] || need_postgres
  want_chromium
  if [[ ${1:-} == faults ]]; then
    shift
    export RECSERVICE_FAULTS=full
    set -- --filter Category=Faults --logger 'console;verbosity=detailed' "$@"
  fi
  local output copier copy status=0 passed failed skipped
  output=$(mktemp)
  exec {copy}> >(tee "$output")
  copier=$!
  attend dotnet test "$solution" -c Release --nologo -nodeReuse:false "$@" >&"$copy" 2>&1 || status=$?
  exec {copy}>&-
  wait "$copier"
  # One line a project: `Passed!  - Failed:     0, Passed:    12, Skipped:     0, Total:    12, Duration: 3 s - Name.dll (net10.0)`;
  # with the loggers that say more, a line for each number: `     Passed: 12`.
  read -r passed failed skipped < <(sed -nE \
    -e 's/^ *(Passed|Failed|Skipped)! +- Failed: +([0-9]+), Passed: +([0-9]+), Skipped: +([0-9]+),.*/Failed \2 Passed \3 Skipped \4/p' \
    -e 's/^ +(Passed|Failed|Skipped): ([0-9]+)$/\1 \2/p' "$output" |
    awk '{ for (i = 1; i < NF; i += 2) n[$i] += $(i + 1) } END { print n["Passed"] + 0, n["Failed"] + 0, n["Skipped"] + 0 }')
  rm -f "$output"
  printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
  return "$status"
}

check() {
  (($# == 0)) || fail "check takes no arguments, but got '$1'"
  need_dotnet
  say 'Formatting …'
  attend dotnet format "$solution" --verify-no-changes || fail "some files are not formatted; 'dotnet format' does it"
  say 'Building …'
  attend dotnet build "$solution" -c Release --nologo -v quiet -nodeReuse:false -warnaserror || fail 'the build failed'
  tests
}

contract() {
  (($# == 0)) || fail "contract takes no arguments, but got '$1'"
  need_dotnet
  [[ -n ${RECSERVICE_TEST_DATABASE:-} ]] || need_postgres
  RECSERVICE_CONTRACT=write attend dotnet test "$root/tests/RecService.Api.Tests" -c Release --nologo -nodeReuse:false \
    --filter FullyQualifiedName~ClientContractTests
}

# Clients that other people's generators make have to compile and to work.
clients() {
  (($# == 0)) || fail "clients takes no arguments, but got '$1'"
  local folder=$root/tests/RecService.Clients key address server name
  need_dotnet
  need_postgres
  temporary=$(mktemp -d)
  chmod 755 "$temporary" # for the account that PostgreSQL runs as where this is root's
  trap 'cleanup; rm -rf "$temporary"' EXIT
  say 'Building …'
  build "$service"
  quietly "$temporary" dotnet tool restore --tool-manifest "$root/.config/dotnet-tools.json"

  say 'Starting the service …'
  for name in $(connection_variables); do unset "$name"; done
  key=$(new_key)
  ASPNETCORE_ENVIRONMENT=Development ASPNETCORE_URLS=http://127.0.0.1:0 Database__DataDirectory=$temporary/data Access__BootstrapKey=$key \
    Training__Enabled=false Training__Epochs=3 \
    start dotnet "$(release_of "$service" RecService.Api)" </dev/null >"$temporary/service.log" 2>&1
  server=$started
  until address=$(grep -oE -m 1 'listening on: http://[0-9.:]+' "$temporary/service.log"); do
    if ! kill -0 "$server" 2>/dev/null; then
      tail -n 20 "$temporary/service.log" >&2
      fail 'the service did not start'
    fi
    sleep 0.2
  done
  address=${address##* }
  rm -rf "$folder/generated" "$folder/typescript/generated"
  mkdir -p "$folder/generated" "$folder/typescript/generated"
  fetch "$address" /openapi/v1.json >"$folder/generated/openapi.json"

  say 'Generating C# …'
  export KIOTA_CLI_TELEMETRY_OPTOUT=1 KIOTA_Update__Disabled=true
  cd "$root"
  quietly "$temporary" dotnet tool run nswag openapi2csclient "/input:$folder/generated/openapi.json" "/output:$folder/generated/NSwagClient.cs" \
    /namespace:RecService.Clients.NSwag /className:RecServiceClient /jsonLibrary:SystemTextJson \
    /generateNullableReferenceTypes:true /generateOptionalPropertiesAsNullable:true
  quietly "$temporary" dotnet tool run kiota generate --openapi "$folder/generated/openapi.json" --output "$folder/generated/kiota" \
    --language CSharp --class-name RecServiceClient --namespace-name RecService.Clients.Kiota --log-level Error
  build "$folder"
  export RECSERVICE_API_KEY=$key
  attend dotnet "$(release_of "$folder" RecService.Clients)" nswag "$address"
  attend dotnet "$(release_of "$folder" RecService.Clients)" kiota "$address"

  if ! command -v npm >/dev/null || ! command -v node >/dev/null || ! npm view openapi-typescript version >/dev/null 2>&1; then
    say 'npm, its registry or Node.js is not there: the client of openapi-typescript and the linting are left out.'
    return
  fi
  say 'Linting, generating TypeScript …'
  cd "$folder/typescript"
  quietly "$temporary" npm ci --no-audit --no-fund
  REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true quietly "$temporary" npx --no-install redocly lint --config redocly.yaml ../generated/openapi.json
  if grep -q 'You have .* warning' "$temporary/output"; then
    cat "$temporary/output" >&2
    fail 'the OpenAPI document is valid, but has warnings'
  fi
  quietly "$temporary" npx --no-install openapi-typescript ../generated/openapi.json --output generated/openapi.d.ts
  quietly "$temporary" npx --no-install tsc --project .
  attend node generated/client.js "$address"
  attend node generated/fetch.js "$address"
}

quietly() { # FOLDER COMMAND: shows what the command has printed, which is in the file `output` of the folder, only if it fails
  if ! attend "${@:2}" >"$1/output" 2>&1; then
    cat "$1/output" >&2
    fail "'${*:2:4} …' failed"
  fi
}

fetch() { # ADDRESS PATH: without curl, which not every machine has
  local host=${1#http://}
  exec 3<>"/dev/tcp/${host%:*}/${host#*:}"
  printf 'GET %s HTTP/1.0\r\n\r\n' "$2" >&3
  sed '1,/^\r$/d' <&3
  exec 3>&-
}

bench() {
  need_dotnet
  case ${1:-} in ingest | formats | load | floods | scale | quality | freshness) need_postgres ;; esac
  build "$root/tests/RecService.Benchmarks"
  attend dotnet "$(release_of "$root/tests/RecService.Benchmarks" RecService.Benchmarks)" "$@"
}

command=${1:-help}
(($# == 0)) || shift
case $command in
  demo) demo "$@" ;;
  sample) sample "$@" ;;
  run) run "$@" ;;
  cli) cli "$@" ;;
  test) tests "$@" ;;
  clients) clients "$@" ;;
  contract) contract "$@" ;;
  check) check "$@" ;;
  bench) bench "$@" ;;
  help | -h | --help) usage ;;
  *)
    usage >&2
    exit 2
    ;;
esac
