import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.jpa.provider.JpaSystemProvider;
import ca.uhn.fhir.jpa.search.DatabaseBackedPagingProvider;
import ca.uhn.fhir.jpa.test.config.TestHSearchAddInConfig;
import ca.uhn.fhir.jpa.test.config.TestR4Config;
import ca.uhn.fhir.rest.server.HardcodedServerAddressStrategy;
import ca.uhn.fhir.rest.server.RestfulServer;
import ca.uhn.fhir.rest.server.provider.ResourceProviderFactory;
import jakarta.servlet.DispatcherType;
import java.io.PrintStream;
import java.util.EnumSet;
import org.eclipse.jetty.ee10.servlet.FilterHolder;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;

/**
 * HAPI's JPA server on H2 in memory, as a referring organisation's: its real habits, and before it
 * only {@link Wire}. Prints {"port": …} on standard output once it answers; the log is standard
 * error. What is left at HAPI's defaults is left on purpose.
 */
public final class Placer {
  /** The test configuration draws the pool's size at random; a rig has the same one each time. */
  private static final int CONNECTIONS = 8;

  public static void main(String[] arguments) throws Exception {
    PrintStream told = System.out;
    System.setOut(System.err);
    TestR4Config.ourMaxThreads = CONNECTIONS;
    var beans =
        new AnnotationConfigApplicationContext(
            TestR4Config.class, TestHSearchAddInConfig.NoFT.class);
    var jetty = new Server();
    var door = new ServerConnector(jetty);
    door.setHost("127.0.0.1");
    jetty.addConnector(door);
    door.open();
    var handler = new ServletContextHandler();
    handler.addFilter(new FilterHolder(new Wire()), "/*", EnumSet.of(DispatcherType.REQUEST));
    handler.addServlet(new ServletHolder(fhir(beans, door.getLocalPort())), "/fhir/*");
    jetty.setHandler(handler);
    jetty.setStopAtShutdown(true);
    jetty.start();
    told.println("{\"port\": " + door.getLocalPort() + "}");
    jetty.join();
  }

  private static RestfulServer fhir(AnnotationConfigApplicationContext beans, int port) {
    var fhir = new RestfulServer(beans.getBean(FhirContext.class));
    fhir.registerProviders(beans.getBean(ResourceProviderFactory.class).createProviders());
    fhir.registerProvider(beans.getBean(JpaSystemProvider.class));
    fhir.setPagingProvider(beans.getBean(DatabaseBackedPagingProvider.class));
    fhir.setServerAddressStrategy(
        new HardcodedServerAddressStrategy("http://127.0.0.1:" + port + "/fhir"));
    return fhir;
  }
}
