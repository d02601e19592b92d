"""python3-ldap3 at a node: does what its users do, and prints what came of it as JSON. Reads what to reach from stdin."""

import json
import ssl
import sys

from ldap3 import ALL, ASYNC, EXTERNAL, LEVEL, MODIFY_ADD, MODIFY_DELETE, MODIFY_REPLACE, SASL, SUBTREE
from ldap3 import Connection, ObjectDef, Reader, Server, Tls, Writer
from ldap3.core.exceptions import LDAPCursorAttributeError, LDAPException
from ldap3.utils.conv import escape_filter_chars

given = json.load(sys.stdin)
people, groups = given["people"], given["groups"]
seen = {}


def person(name):
    return f"uid={name},{people}"


def server(url):
    tls = Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=given["ca"], valid_names=["127.0.0.1", "master.example.lan"])
    return Server(url, get_info=ALL, tls=tls)


def bound(dn, password, url=given["url"], **more):
    return Connection(server(url), dn, password, auto_bind=True, raise_exceptions=False, **more)


reader = bound(given["reader"]["dn"], given["reader"]["password"])
info, schema = reader.server.info, reader.server.schema
seen["info"] = {
    "contexts": info.naming_contexts,
    "version": info.supported_ldap_versions,
    "schema": str(info.schema_entry),
    "controls": [oid for oid, *_ in info.supported_controls],
    "unnamed": [oid for oid, _, name, _ in info.supported_controls + info.supported_extensions if not name],
}
wrong = []
for name, kind in schema.attribute_types.items():
    if kind.superior is None and kind.syntax is None:
        wrong.append(f"{name} without syntax")
    for above in kind.superior or []:
        if above not in schema.attribute_types:
            wrong.append(f"{name} below {above}")
    if kind.syntax and kind.syntax.split("{")[0] not in schema.ldap_syntaxes:
        wrong.append(f"{name} of syntax {kind.syntax}")
    for rule in (kind.equality or []) + (kind.ordering or []) + (kind.substring or []):
        if rule not in schema.matching_rules:
            wrong.append(f"{name} matched by {rule}")
for name, kind in schema.object_classes.items():
    for attribute in (kind.must_contain or []) + (kind.may_contain or []):
        if attribute not in schema.attribute_types:
            wrong.append(f"{name} has {attribute}")
    for above in kind.superior or []:
        if above not in schema.object_classes:
            wrong.append(f"{name} below {above}")
seen["schema"] = {"wrong": wrong, "types": len(schema.attribute_types), "classes": len(schema.object_classes)}

# Names are checked against the schema before anything is sent.
try:
    reader.search(people, "(shoeSize=40)")
    seen["unknown"] = "sent"
except LDAPException as error:
    seen["unknown"] = type(error).__name__

reader.search(people, f"(sn={escape_filter_chars('Åkesson')})", LEVEL, attributes=["*", "+"])
anna = reader.entries[0]
seen["typed"] = {
    "cn": anna.cn.value,
    "uidNumber": anna.uidNumber.value,
    "memberOf": sorted(anna.memberOf.values),
    "createTimestamp": anna.createTimestamp.value.tzname(),
    "entryUUID": anna.entryUUID.value,
    "hasSubordinates": anna.hasSubordinates.value,
}

pages = reader.extend.standard.paged_search(people, "(uid=*)", LEVEL, attributes=["uid"], paged_size=2, generator=True)
seen["paged"] = sorted(page["attributes"]["uid"][0] for page in pages)

reader.search(people, "(uid=anna)", controls=[("1.3.6.1.4.1.4203.1.9.1.1", True, bytes.fromhex("30030a0101"))])
seen["sync"] = sorted(reader.result["controls"])
seen["compare"] = [reader.compare(person("anna"), "sn", "åkesson"), reader.compare(person("anna"), "sn", "Berg")]
seen["refused"] = [reader.modify(person("anna"), {"title": [(MODIFY_REPLACE, ["x"])]}), reader.result["description"]]
seen["whoami"] = reader.extend.standard.who_am_i()

# Many requests at once over one connection.
many = bound(given["reader"]["dn"], given["reader"]["password"], client_strategy=ASYNC)
numbers = [many.search(people, f"(uidNumber={2000 + i % 8})", SUBTREE, attributes=["uid"]) for i in range(100)]
seen["async"] = sum(len(many.get_response(number)[0]) for number in numbers)
many.unbind()

admin = bound(given["admin"]["dn"], given["admin"]["password"], given["secureUrl"])
classes = ["inetOrgPerson", "posixAccount"]
values = {"sn": "Öberg", "givenName": "Nils", "cn": "Nils Öberg", "uidNumber": 2600, "gidNumber": 63000}
done = []


def do(answer):
    done.append([answer, admin.result["description"]])


do(admin.add(person("nils"), classes, {**values, "homeDirectory": "/home/nils"}))
do(admin.add(person("nils"), classes, {**values, "homeDirectory": "/home/nils"}))
changes = {"title": [(MODIFY_ADD, ["Welder"])], "sn": [(MODIFY_DELETE, ["Öberg"]), (MODIFY_ADD, ["Nyström"])]}
do(admin.modify(person("nils"), changes))
do(admin.modify(person("nils"), {"title": [(MODIFY_DELETE, ["Cook"])]}))
do(admin.modify_dn(person("nils"), "uid=nisse"))
do(admin.extend.standard.modify_password(person("nisse"), new_password=given["newPassword"]))
do(admin.modify(f"cn=engineers,{groups}", {"member": [(MODIFY_ADD, [person("nisse")])]}))

# The object layer: a definition from the schema, a cursor, and an entry that is written back.
definition = ObjectDef(["inetOrgPerson", "posixAccount"], admin)
cursor = Reader(admin, definition, people, "(uid=nisse)")
cursor.search()
entry = Writer.from_cursor(cursor)[0]
entry.l = "Malmö"
do(entry.entry_commit_changes())
seen["written"] = [entry.l.value, entry.sn.value]
try:
    entry.shoeSize = 40
    seen["undefined"] = "taken"
except LDAPCursorAttributeError:
    seen["undefined"] = "refused"
do(admin.delete(person("nisse")))
seen["done"] = done
admin.unbind()

plain = Connection(server(given["url"]), given["reader"]["dn"], given["reader"]["password"], raise_exceptions=False)
plain.open()
seen["startTls"] = [plain.start_tls(), plain.bind(), plain.extend.standard.who_am_i()]
seen["cipher"] = plain.socket.version()

berit = bound(person("berit"), given["password"], given["secureUrl"])
change = berit.extend.standard.modify_password
seen["ownPassword"] = [
    change(old_password=given["password"], new_password="brief"),
    berit.result["message"],
    change(old_password=given["password"], new_password=given["newPassword"]),
]
seen["oldPassword"] = Connection(server(given["secureUrl"]), person("berit"), given["password"]).bind()

local = Connection(Server(given["socketUrl"], get_info=ALL), authentication=SASL, sasl_mechanism=EXTERNAL, sasl_credentials="")
seen["external"] = [local.bind(), local.extend.standard.who_am_i(), local.server.info.supported_sasl_mechanisms]

print(json.dumps(seen))
