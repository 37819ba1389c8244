import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.validation.FhirValidator;
import ca.uhn.fhir.validation.SingleValidationMessage;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.SnapshotGeneratingValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;

/**
 * HAPI's R4 validator, kept running: a path of a JSON file a line in, a JSON array of messages
 * {severity, at, id, text} a line out. It ends when its input ends; the log is standard error.
 */
public final class Judge {
  public static void main(String[] arguments) throws Exception {
    var told = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    System.setOut(System.err);
    var validator = validator();
    var json = new ObjectMapper();
    var paths = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String path = paths.readLine(); path != null; path = paths.readLine()) {
      var found = validator.validateWithResult(Files.readString(Path.of(path))).getMessages();
      told.println(json.writeValueAsString(found.stream().map(Judge::row).toList()));
    }
  }

  private static FhirValidator validator() {
    var r4 = FhirContext.forR4();
    var knows =
        new ValidationSupportChain(
            new DefaultProfileValidationSupport(r4),
            new CommonCodeSystemsTerminologyService(r4),
            new InMemoryTerminologyServerValidationSupport(r4),
            new SnapshotGeneratingValidationSupport(r4));
    return r4.newValidator().registerValidatorModule(new FhirInstanceValidator(knows));
  }

  private static Map<String, String> row(SingleValidationMessage one) {
    return Map.of(
        "severity", one.getSeverity().getCode(),
        "at", Objects.requireNonNullElse(one.getLocationString(), ""),
        "id", Objects.requireNonNullElse(one.getMessageId(), ""),
        "text", one.getMessage());
  }
}
