#!/bin/bash
# Mails one report to 50 people by a real Postfix that is aborted in the middle and started again, and counts the copies.
#
#   tests/postfix.sh target/debug/tieout [15]
#
# The number is how many mails are accepted when it is aborted.
# Needs root, Postfix (Debian: postfix), openssl and python3. Runs an instance of its own on a free loopback port, in a folder of
# its own, with STARTTLS from an authority made here; the machine's Postfix is left alone. Not part of .ci/run.
set -euo pipefail

tieout=$(realpath "$1")
abort_at=${2:-15}
people=50
home=$(mktemp -d /tmp/tieout-postfix.XXXXXX)
chmod 755 "$home"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')

postfix() { command postfix -c "$home/conf" "$@" >>"$home/postfix.out" 2>&1; }
finish() {
    postfix abort || true
    [ -n "${KEEP:-}" ] && echo "kept: $home" || rm -rf "$home"
}
trap finish EXIT
fail() { echo "FAILED: $*" >&2; tail -20 "$home/maillog" "$home/postfix.out" >&2 || true; exit 1; }

# An authority, and a certificate of localhost.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=tieout test authority" \
    -keyout "$home/ca.key" -out "$home/ca.pem" 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=localhost" \
    -keyout "$home/relay.key" -out "$home/relay.csr" 2>/dev/null
printf 'subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n' >"$home/relay.ext"
openssl x509 -req -in "$home/relay.csr" -CA "$home/ca.pem" -CAkey "$home/ca.key" -CAcreateserial -days 2 \
    -extfile "$home/relay.ext" -out "$home/relay.pem" 2>/dev/null

# An instance of Postfix: mail for shop.example goes into a folder per recipient.
mkdir -p "$home/conf" "$home/spool" "$home/data" "$home/mail"
chown postfix "$home/data"
chown nobody "$home/mail"
for number in $(seq 1 "$people"); do
    echo "reader$number@shop.example reader$number/"
done >"$home/conf/readers"
cat >"$home/conf/main.cf" <<CONF
compatibility_level = 3.6
queue_directory = $home/spool
data_directory = $home/data
maillog_file = $home/maillog
maillog_file_prefixes = $home
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = relay.shop.example
mydestination =
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
smtpd_tls_cert_file = $home/relay.pem
smtpd_tls_key_file = $home/relay.key
smtpd_tls_security_level = encrypt
smtpd_relay_restrictions = permit_mynetworks, reject
virtual_mailbox_domains = shop.example
virtual_mailbox_base = $home/mail
virtual_mailbox_maps = texthash:$home/conf/readers
virtual_uid_maps = static:$(id -u nobody)
virtual_gid_maps = static:$(id -g nobody)
virtual_minimum_uid = 1
CONF
sed -E 's/^(smtp[[:space:]]+inet)/#\1/' /usr/share/postfix/master.cf.dist |
    awk '/^[a-z#]/ && NF >= 8 && $1 !~ /^#/ { $5 = "n" } { print }' >"$home/conf/master.cf"
echo "127.0.0.1:$port inet n - n - - smtpd" >>"$home/conf/master.cf"
grep -q '^postlog ' "$home/conf/master.cf" || echo "postlog unix-dgram n - n - 1 postlogd" >>"$home/conf/master.cf"

# A small pipeline with a report to everybody.
mkdir -p "$home"/project/{pipelines,sql,reports/monthly,in/postings/month=2026-09}
cd "$home/project"
printf 'id,at,amount\na,2026-09-10T10:00:00Z,10.00\n' >in/postings/month=2026-09/part.csv
echo "-- one row per posting
select id, local_day(at) as booked_on, amount from postings" >sql/ledger.sql
echo 'Postings {{ period }}' >reports/monthly/subject.txt
echo '{% for row in tables.total.rows %}{{ row.amount }}{% endfor %}' >reports/monthly/body.txt
echo '<!doctype html><html><body>{% for row in tables.total.rows %}<p>{{ row.amount }}</p>{% endfor %}</body></html>' \
    >reports/monthly/body.html
echo "-- the month's total
select sum(amount) as amount from ledger where period_of(booked_on) = \$period" >reports/monthly/total.sql
cat >pipelines/postings.yaml <<YAML
version: 1
name: postings
owner: data@shop.example
calendar: {period: month, time_zone: Europe/Berlin}
currency: EUR
storage: {inputs: ../in, outputs: ../out}
sources:
  postings:
    files: postings/month=*/*.csv
    format: csv
    partitions: {month: period}
    key: [id]
    owner: data@shop.example
    columns: {id: text, at: timestamp, amount: 'decimal(18,2)'}
models:
  directories: [../sql]
  marts:
    ledger: {grain: [id], period: booked_on, columns: {id: text, booked_on: date, amount: 'decimal(18,2)'}}
reports:
  monthly: {directory: ../reports/monthly, audience: readers}
audiences:
  readers: {recipients: [$(seq -s, -f 'reader%.0f@shop.example' 1 "$people")]}
delivery:
  from: tieout@shop.example
  allow_domains: [shop.example]
  transport: {smtp: {host: localhost, port: $port, root_certificate: '$home/ca.pem'}}
YAML

run() {
    local code=0
    "$tieout" run pipelines/postings.yaml --period 2026-09 --log error >"$home/run.out" 2>"$home/run.err" || code=$?
    echo "$code"
}
accepted() { find out/_tieout/mail -name 'ok-*' 2>/dev/null | wc -l; }
copies() { find "$home/mail" -path '*/new/*' -type f 2>/dev/null | wc -l; }

postfix start || fail "Postfix does not start"
echo "Postfix $(postconf -h mail_version) on port $port, $people recipients"

run >"$home/first.code" &
running=$!
until [ "$(accepted)" -ge "$abort_at" ]; do
    kill -0 "$running" 2>/dev/null || fail "the run ended too early: $(cat "$home/run.out" "$home/run.err")"
    sleep 0.02
done
postfix abort || true
wait "$running"
echo "aborted in the middle: the run ended with $(cat "$home/first.code"), $(accepted) accepted"
[ "$(cat "$home/first.code")" -ne 0 ] || fail "the run should have noticed"
[ "$(accepted)" -lt "$people" ] || fail "it was over too soon"
echo "while it is away: a run ends with $(run), $(accepted) accepted"

postfix start || fail "Postfix does not start again"
for attempt in 1 2 3 4; do
    code=$(run)
    echo "run $attempt after its return: $code, $(accepted) accepted"
    [ "$code" -eq 80 ] || break
    # Whoever is in doubt: look into the mailbox, and say so.
    for number in $(seq 1 "$people"); do
        id=$(printf 'postings/2026-09/monthly/r1|reader%s@shop.example' "$number" | sha256sum | cut -c1-12)
        "$tieout" deliveries pipelines/postings.yaml list --log error | grep "^  $id" | grep -q 'in doubt' || continue
        sleep 5
        verdict=--send-again
        [ -z "$(ls "$home/mail/reader$number/new" 2>/dev/null)" ] || verdict=--has-it
        "$tieout" deliveries pipelines/postings.yaml resolve "$id" "$verdict" --by script --reason "looked into the mailbox"
    done
    sleep 61
done
[ "$code" -eq 0 ] || fail "the last run ended with $code: $(cat "$home/run.out" "$home/run.err")"

waited=0
until [ "$(copies)" -ge "$people" ] || [ "$waited" -ge 60 ]; do
    sleep 1
    waited=$((waited + 1))
done
sleep 3
wrong=0
for number in $(seq 1 "$people"); do
    count=$(find "$home/mail/reader$number/new" -type f 2>/dev/null | wc -l)
    [ "$count" -eq 1 ] || { echo "reader$number has $count copies"; wrong=$((wrong + 1)); }
done
echo "$(copies) copies in $people mailboxes, $(accepted) accepted in the ledger"
[ "$wrong" -eq 0 ] && [ "$(accepted)" -eq "$people" ] || fail "$wrong recipients do not have exactly one copy"
echo "every recipient has exactly one copy"
