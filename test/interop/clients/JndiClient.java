import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Hashtable;
import java.util.List;
import javax.naming.Context;
import javax.naming.NamingEnumeration;
import javax.naming.NamingException;
import javax.naming.directory.Attribute;
import javax.naming.directory.Attributes;
import javax.naming.directory.BasicAttribute;
import javax.naming.directory.BasicAttributes;
import javax.naming.directory.DirContext;
import javax.naming.directory.ModificationItem;
import javax.naming.directory.SearchControls;
import javax.naming.directory.SearchResult;
import javax.naming.ldap.Control;
import javax.naming.ldap.InitialLdapContext;
import javax.naming.ldap.LdapContext;
import javax.naming.ldap.PagedResultsControl;
import javax.naming.ldap.PagedResultsResponseControl;
import javax.naming.ldap.SortControl;
import javax.naming.ldap.SortKey;
import javax.naming.ldap.StartTlsRequest;
import javax.naming.ldap.StartTlsResponse;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** Java's own LDAP client at a node, with what JXplorer does of it. Lines "key value" on stdin, lines "key value" out. */
public class JndiClient {
  static final Hashtable<String, String> given = new Hashtable<>();

  public static void main(String[] args) throws Exception {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
    for (String line; (line = in.readLine()) != null; ) {
      int space = line.indexOf(' ');
      given.put(line.substring(0, space), line.substring(space + 1));
    }
    System.setOut(new java.io.PrintStream(System.out, true, "UTF-8"));
    readSchema();
    search();
    write();
    startTls();
  }

  static void tell(String key, Object value) {
    System.out.println(key + " " + value);
  }

  static LdapContext bound(String who) throws NamingException {
    Hashtable<String, String> env = new Hashtable<>();
    env.put(Context.INITIAL_CONTEXT_FACTORY, "com.sun.jndi.ldap.LdapCtxFactory");
    env.put(Context.PROVIDER_URL, given.get("url"));
    env.put(Context.REFERRAL, "follow");
    if (who != null) {
      env.put(Context.SECURITY_AUTHENTICATION, "simple");
      env.put(Context.SECURITY_PRINCIPAL, given.get(who + ".dn"));
      env.put(Context.SECURITY_CREDENTIALS, given.get(who + ".password"));
    }
    return new InitialLdapContext(env, null);
  }

  static String person(String name) {
    return "uid=" + name + "," + given.get("people");
  }

  /** As JXplorer shows it: every class, attribute, syntax and rule, and what they name of each other. */
  static void readSchema() throws NamingException {
    LdapContext reader = bound("reader");
    DirContext schema = reader.getSchema("");
    List<String> wrong = new ArrayList<>();
    int count = 0;
    for (String root : new String[] {"ClassDefinition", "AttributeDefinition", "SyntaxDefinition", "MatchingRule"}) {
      NamingEnumeration<javax.naming.NameClassPair> all = schema.list(root);
      while (all.hasMore()) {
        String name = all.next().getName();
        Attributes definition = schema.getAttributes(root + "/" + name);
        count++;
        for (String id : new String[] {"MUST", "MAY", "SUP"}) {
          Attribute named = definition.get(id);
          for (int i = 0; named != null && i < named.size(); i++) {
            String target = (id.equals("SUP") ? root : "AttributeDefinition") + "/" + named.get(i);
            try {
              schema.lookup(target);
            } catch (NamingException error) {
              wrong.add(name + " names " + target);
            }
          }
        }
        Attribute syntax = definition.get("SYNTAX");
        if (syntax != null && root.equals("AttributeDefinition")) {
          String oid = String.valueOf(syntax.get()).replaceAll("\\{.*", "");
          try {
            schema.lookup("SyntaxDefinition/" + oid);
          } catch (NamingException error) {
            wrong.add(name + " is of syntax " + oid);
          }
        }
      }
    }
    tell("schema.wrong", wrong);
    tell("schema.count", count);
    DirContext ofAnna = reader.getAttributes("", new String[] {"subschemaSubentry"}).size() > 0
        ? reader.getSchemaClassDefinition(person("anna"))
        : null;
    List<String> classes = new ArrayList<>();
    if (ofAnna != null) {
      NamingEnumeration<javax.naming.NameClassPair> all = ofAnna.list("");
      while (all.hasMore()) classes.add(all.next().getName());
    }
    Collections.sort(classes);
    tell("classes", classes);
    reader.close();
  }

  static void search() throws Exception {
    LdapContext reader = bound("reader");
    String people = given.get("people");
    SearchControls one = new SearchControls(SearchControls.ONELEVEL_SCOPE, 0, 0, new String[] {"uid"}, false, false);
    byte[] cookie = null;
    List<String> found = new ArrayList<>();
    int pages = 0;
    do {
      reader.setRequestControls(new Control[] {new PagedResultsControl(3, cookie, Control.CRITICAL)});
      NamingEnumeration<SearchResult> page = reader.search(people, "(uid=*)", one);
      while (page.hasMore()) found.add(String.valueOf(page.next().getAttributes().get("uid").get()));
      cookie = null;
      for (Control control : reader.getResponseControls())
        if (control instanceof PagedResultsResponseControl) cookie = ((PagedResultsResponseControl) control).getCookie();
      pages++;
    } while (cookie != null);
    Collections.sort(found);
    tell("paged", pages + " " + found);

    SortKey backwards = new SortKey("uidNumber", false, null);
    reader.setRequestControls(new Control[] {new SortControl(new SortKey[] {backwards}, Control.CRITICAL)});
    List<String> sorted = new ArrayList<>();
    NamingEnumeration<SearchResult> results = reader.search(people, "(uid=*)", one);
    while (results.hasMore()) sorted.add(String.valueOf(results.next().getAttributes().get("uid").get()));
    tell("sorted", sorted);
    reader.setRequestControls(null);

    Object[] values = {"Åkesson", "(*)\\"};
    SearchResult anna = reader.search(people, "(&(sn={0})(!(cn={1})))", values, one).next();
    tell("anna", anna.getNameInNamespace());
    SearchControls limited = new SearchControls(SearchControls.SUBTREE_SCOPE, 2, 0, null, false, false);
    NamingEnumeration<SearchResult> few = reader.search(people, "(uid=*)", limited);
    try {
      while (few.hasMore()) few.next();
      tell("limited", "all");
    } catch (NamingException error) {
      tell("limited", error.getClass().getSimpleName());
    }
    // A compare, as JNDI has it: base scope, one equality, no attributes.
    SearchControls compare = new SearchControls(SearchControls.OBJECT_SCOPE, 0, 0, new String[0], false, false);
    tell("compare", reader.search(person("anna"), "(sn=åkesson)", compare).hasMore());
    try {
      bound(null).getAttributes(person("anna"));
      tell("anonymous", "read");
    } catch (NamingException error) {
      tell("anonymous", error.getClass().getSimpleName());
    }
    reader.close();
  }

  static void write() throws NamingException {
    LdapContext admin = bound("admin");
    Attributes nils = new BasicAttributes(true);
    Attribute classes = new BasicAttribute("objectClass", "inetOrgPerson");
    classes.add("posixAccount");
    nils.put(classes);
    String[][] values = {
      {"cn", "Nils Öberg"}, {"sn", "Öberg"}, {"givenName", "Nils"}, {"uidNumber", "2800"}, {"gidNumber", "63000"},
      {"homeDirectory", "/home/nils"},
    };
    for (String[] value : values) nils.put(value[0], value[1]);
    admin.createSubcontext(person("nils"), nils).close();
    ModificationItem[] changes = {
      new ModificationItem(DirContext.ADD_ATTRIBUTE, new BasicAttribute("title", "Welder")),
      new ModificationItem(DirContext.REPLACE_ATTRIBUTE, new BasicAttribute("sn", "Nyström")),
    };
    admin.modifyAttributes(person("nils"), changes);
    admin.rename(person("nils"), person("nisse"));
    Attributes now = admin.getAttributes(person("nisse"), new String[] {"cn", "title"});
    tell("written", now.get("cn").get() + ", " + now.get("title").get());
    try {
      admin.destroySubcontext(given.get("people"));
      tell("removed", "all");
    } catch (NamingException error) {
      tell("removed", error.getClass().getSimpleName());
    }
    admin.destroySubcontext(person("nisse"));
    admin.close();
  }

  static void startTls() throws Exception {
    KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
    trusted.load(null, null);
    trusted.setCertificateEntry("ca", CertificateFactory.getInstance("X.509")
        .generateCertificate(Files.newInputStream(Path.of(given.get("ca")))));
    TrustManagerFactory managers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    managers.init(trusted);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, managers.getTrustManagers(), null);
    LdapContext ldap = bound(null);
    StartTlsResponse tls = (StartTlsResponse) ldap.extendedOperation(new StartTlsRequest());
    tls.negotiate(context.getSocketFactory());
    ldap.addToEnvironment(Context.SECURITY_AUTHENTICATION, "simple");
    ldap.addToEnvironment(Context.SECURITY_PRINCIPAL, given.get("reader.dn"));
    ldap.addToEnvironment(Context.SECURITY_CREDENTIALS, given.get("reader.password"));
    tell("startTls", ldap.getAttributes(person("anna"), new String[] {"uid"}).get("uid").get());
    tls.close();
    ldap.close();
  }
}
