import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Hashtable;
import java.util.List;
import javax.net.ssl.TrustManagerFactory;
import org.apache.directory.api.ldap.model.cursor.EntryCursor;
import org.apache.directory.api.ldap.model.cursor.SearchCursor;
import org.apache.directory.api.ldap.model.entry.DefaultEntry;
import org.apache.directory.api.ldap.model.entry.DefaultModification;
import org.apache.directory.api.ldap.model.entry.Entry;
import org.apache.directory.api.ldap.model.entry.ModificationOperation;
import org.apache.directory.api.ldap.model.exception.LdapException;
import org.apache.directory.api.ldap.model.message.SearchRequest;
import org.apache.directory.api.ldap.model.message.SearchRequestImpl;
import org.apache.directory.api.ldap.model.message.SearchScope;
import org.apache.directory.api.ldap.model.message.controls.PagedResults;
import org.apache.directory.api.ldap.model.message.controls.PagedResultsImpl;
import org.apache.directory.api.ldap.model.message.controls.SortKey;
import org.apache.directory.api.ldap.model.message.controls.SortRequestImpl;
import org.apache.directory.api.ldap.model.name.Dn;
import org.apache.directory.api.ldap.model.schema.AttributeType;
import org.apache.directory.api.ldap.model.schema.ObjectClass;
import org.apache.directory.api.ldap.model.schema.SchemaManager;
import org.apache.directory.ldap.client.api.DefaultSchemaLoader;
import org.apache.directory.ldap.client.api.LdapConnectionConfig;
import org.apache.directory.ldap.client.api.LdapNetworkConnection;
import org.apache.directory.api.ldap.schema.manager.impl.DefaultSchemaManager;

/** The library beneath Apache Directory Studio at a node. Lines "key value" on stdin, lines "key value" out. */
public class DirectoryApiClient {
  static final Hashtable<String, String> given = new Hashtable<>();

  public static void main(String[] args) throws Exception {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
    for (String line; (line = in.readLine()) != null; ) {
      int space = line.indexOf(' ');
      given.put(line.substring(0, space), line.substring(space + 1));
    }
    System.setOut(new PrintStream(System.out, true, "UTF-8"));
    LdapNetworkConnection reader = bound("reader");
    readSchema(reader);
    search(reader);
    reader.close();
    write();
  }

  static void tell(String key, Object value) {
    System.out.println(key + " " + value);
  }

  static String person(String name) {
    return "uid=" + name + "," + given.get("people");
  }

  static LdapNetworkConnection bound(String who) throws Exception {
    KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
    trusted.load(null, null);
    trusted.setCertificateEntry("ca", CertificateFactory.getInstance("X.509")
        .generateCertificate(Files.newInputStream(Path.of(given.get("ca")))));
    TrustManagerFactory managers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    managers.init(trusted);
    LdapConnectionConfig config = new LdapConnectionConfig();
    config.setLdapHost("127.0.0.1");
    config.setLdapPort(Integer.parseInt(given.get("url").replaceAll(".*:", "")));
    config.setTrustManagers(managers.getTrustManagers());
    config.setUseTls(true);
    LdapNetworkConnection connection = new LdapNetworkConnection(config);
    connection.connect();
    connection.bind(given.get(who + ".dn"), given.get(who + ".password"));
    return connection;
  }

  static void readSchema(LdapNetworkConnection reader) throws Exception {
    SchemaManager schema = new DefaultSchemaManager(new DefaultSchemaLoader(reader, false));
    schema.loadAllEnabled();
    tell("schema.errors", schema.getErrors());
    List<String> wrong = new ArrayList<>();
    for (AttributeType type : schema.getAttributeTypeRegistry())
      if (type.getSyntax() == null) wrong.add(type.getName() + " without syntax");
    for (String name : new String[] {"inetOrgPerson", "posixAccount", "shadowAccount", "posixGroup", "groupOfMembers"}) {
      ObjectClass known = schema.lookupObjectClassRegistry(name);
      if (known.getMustAttributeTypes().contains(null) || known.getMayAttributeTypes().contains(null)) wrong.add(name);
    }
    for (String name : new String[] {"uid", "cn", "uidNumber", "memberUid", "member", "sshPublicKey"})
      if (schema.lookupAttributeTypeRegistry(name).getEquality() == null) wrong.add(name + " without equality");
    tell("schema.wrong", wrong);
    tell("schema.types", schema.getAttributeTypeRegistry().size());
    reader.setSchemaManager(schema);
  }

  static void search(LdapNetworkConnection reader) throws Exception {
    Entry anna = reader.lookup(person("anna"), "*", "+");
    tell("anna", anna.get("cn").getString() + ", " + anna.get("uidNumber").getString());
    byte[] cookie = new byte[0];
    List<String> found = new ArrayList<>();
    int pages = 0;
    do {
      PagedResults paged = new PagedResultsImpl();
      paged.setSize(3);
      paged.setCookie(cookie);
      SearchCursor page = reader.search(everybody().addControl(paged));
      while (page.next()) found.add(page.getEntry().get("uid").getString());
      cookie = ((PagedResults) page.getSearchResultDone().getControl(PagedResults.OID)).getCookie();
      page.close();
      pages++;
    } while (cookie != null && cookie.length > 0);
    Collections.sort(found);
    tell("paged", pages + " " + found);
    SortRequestImpl sort = new SortRequestImpl();
    sort.addSortKey(new SortKey("uidNumber", null, true));
    List<String> sorted = new ArrayList<>();
    SearchCursor cursor = reader.search(everybody().addControl(sort));
    while (cursor.next()) sorted.add(cursor.getEntry().get("uid").getString());
    cursor.close();
    tell("sorted", sorted);
    EntryCursor byName = reader.search(given.get("people"), "(sn=Åkesson)", SearchScope.ONELEVEL, "uid");
    byName.next();
    tell("byName", byName.get().getDn());
    byName.close();
    tell("compare", reader.compare(person("anna"), "sn", "ÅKESSON"));
  }

  static SearchRequest everybody() throws LdapException {
    SearchRequest request = new SearchRequestImpl();
    request.setBase(new Dn(given.get("people")));
    request.setFilter("(uid=*)");
    request.setScope(SearchScope.ONELEVEL);
    request.addAttributes("uid");
    return request;
  }

  static void write() throws Exception {
    LdapNetworkConnection admin = bound("admin");
    admin.add(new DefaultEntry(person("nils"),
        "objectClass: inetOrgPerson", "objectClass: posixAccount", "cn: Nils Öberg", "sn: Öberg", "givenName: Nils",
        "uid: nils", "uidNumber: 2900", "gidNumber: 63000", "homeDirectory: /home/nils"));
    admin.modify(new Dn(person("nils")),
        new DefaultModification(ModificationOperation.ADD_ATTRIBUTE, "title", "Welder"),
        new DefaultModification(ModificationOperation.REPLACE_ATTRIBUTE, "sn", "Nyström"));
    admin.rename(person("nils"), "uid=nisse");
    tell("written", admin.lookup(person("nisse")).get("cn").getString());
    admin.delete(person("nisse"));
    tell("deleted", !admin.exists(person("nisse")));
    admin.close();
  }
}
