import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import jakarta.servlet.Filter;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ReadListener;
import jakarta.servlet.ServletException;
import jakarta.servlet.ServletInputStream;
import jakarta.servlet.ServletOutputStream;
import jakarta.servlet.ServletRequest;
import jakarta.servlet.ServletResponse;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletRequestWrapper;
import jakarta.servlet.http.HttpServletResponse;
import jakarta.servlet.http.HttpServletResponseWrapper;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.IntStream;
import org.eclipse.jetty.ee10.servlet.ServletContextRequest;

/**
 * Stands between the wire and HAPI: keeps what was sent, and plants what a test asks for.
 *
 * <p>GET /_rig/log: every exchange so far. POST /_rig/settings {"about": "…", "echo": 5, "lose":
 * 1}: each POST whose body has that text is sent to HAPI five times more at the same moment (who
 * wins the race, HAPI decides); the answer of one of them is lost after its commit.
 */
final class Wire implements Filter {
  private static final String ECHO = "Rig-Echo";
  private static final ObjectMapper JSON = new ObjectMapper();
  private final List<Map<String, Object>> exchanges = new CopyOnWriteArrayList<>();
  private final HttpClient itself = HttpClient.newHttpClient();
  private volatile String about = "";
  private volatile int echo;
  private volatile int lose;

  @Override
  public void doFilter(ServletRequest in, ServletResponse out, FilterChain hapi)
      throws IOException, ServletException {
    var request = (HttpServletRequest) in;
    var response = (HttpServletResponse) out;
    if (request.getRequestURI().endsWith("/_search")) { // a form: HAPI takes it as parameters
      hapi.doFilter(request, response);
      exchanges.add(exchange(request, new byte[0], response.getStatus()));
      return;
    }
    byte[] body = request.getInputStream().readAllBytes();
    if (request.getRequestURI().startsWith("/_rig/")) {
      rig(request, response, body);
      return;
    }
    boolean meant = meant(request, body);
    var echoes = meant ? echoed(request, body) : List.<CompletableFuture<HttpResponse<Void>>>of();
    boolean lost = meant && lose > 0;
    if (lost) lose--;
    try {
      hapi.doFilter(new Replayed(request, body), lost ? new HungUp(request, response) : response);
    } finally { // writing to a line that was cut fails, the exchange happened all the same
      exchanges.add(exchange(request, body, lost ? 0 : response.getStatus()));
      CompletableFuture.allOf(echoes.toArray(CompletableFuture[]::new)).join();
    }
  }

  private void rig(HttpServletRequest request, HttpServletResponse response, byte[] body)
      throws IOException {
    if (request.getRequestURI().equals("/_rig/settings")) {
      JsonNode told = JSON.readTree(body);
      about = told.path("about").asText("");
      echo = told.path("echo").asInt(0);
      lose = told.path("lose").asInt(0);
    }
    response.setContentType("application/json");
    JSON.writeValue(response.getOutputStream(), Map.of("exchanges", exchanges));
  }

  private boolean meant(HttpServletRequest request, byte[] body) {
    return request.getMethod().equals("POST")
        && request.getHeader(ECHO) == null
        && !about.isEmpty()
        && new String(body, StandardCharsets.UTF_8).contains(about);
  }

  private List<CompletableFuture<HttpResponse<Void>>> echoed(HttpServletRequest first, byte[] body) {
    var same = HttpRequest.newBuilder(URI.create(first.getRequestURL().toString()));
    same.POST(BodyPublishers.ofByteArray(body)).header(ECHO, "1");
    for (String name : List.of("Content-Type", "If-None-Exist")) {
      if (first.getHeader(name) != null) same.header(name, first.getHeader(name));
    }
    return IntStream.range(0, echo)
        .mapToObj(n -> itself.sendAsync(same.build(), BodyHandlers.discarding()))
        .toList();
  }

  private static Map<String, Object> exchange(HttpServletRequest request, byte[] body, int status)
      throws IOException {
    String query = request.getQueryString() == null ? "" : "?" + request.getQueryString();
    return Map.of(
        "method", request.getMethod(),
        "url", request.getRequestURI().substring("/fhir".length()) + query,
        "status", status,
        "echo", request.getHeader(ECHO) != null,
        "body", JSON.readTree(body));
  }

  /** The request once more, its body read already. */
  private static final class Replayed extends HttpServletRequestWrapper {
    private final ByteArrayInputStream rest;

    Replayed(HttpServletRequest request, byte[] body) {
      super(request);
      rest = new ByteArrayInputStream(body);
    }

    @Override
    public ServletInputStream getInputStream() {
      return new ServletInputStream() {
        @Override
        public int read() {
          return rest.read();
        }

        @Override
        public boolean isFinished() {
          return rest.available() == 0;
        }

        @Override
        public boolean isReady() {
          return true;
        }

        @Override
        public void setReadListener(ReadListener listener) {
          throw new UnsupportedOperationException("HAPI reads its requests in line");
        }
      };
    }
  }

  /** An answer that nobody hears: the line is cut when HAPI, done, begins to speak. */
  private static final class HungUp extends HttpServletResponseWrapper {
    private final HttpServletRequest request;

    HungUp(HttpServletRequest request, HttpServletResponse response) {
      super(response);
      this.request = request;
    }

    @Override
    public PrintWriter getWriter() throws IOException {
      hangUp();
      return super.getWriter();
    }

    @Override
    public ServletOutputStream getOutputStream() throws IOException {
      hangUp();
      return super.getOutputStream();
    }

    private void hangUp() {
      var wire = ServletContextRequest.getServletContextRequest(request).getConnectionMetaData();
      wire.getConnection().getEndPoint().close();
    }
  }
}
