import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Callable;

/** What the Java programs print: one JSON line a step, the same for equal replies. */
final class Report {
  static final byte[] ALL_BYTES = new byte[256];
  static String section = "";

  static {
    for (int index = 0; index < 256; index++) ALL_BYTES[index] = (byte) index;
  }

  private Report() {}

  /** Prints what a call returned, or the error that it threw. */
  static void step(String name, Callable<?> call) {
    Object reply;
    try {
      reply = call.call();
    } catch (Exception error) {
      Throwable cause = error;
      while (cause.getMessage() == null && cause.getCause() != null) cause = cause.getCause();
      reply = Map.of("error", cause.getClass().getSimpleName() + ": " + cause.getMessage());
    }
    say(name, reply);
  }

  static synchronized void say(String name, Object reply) {
    System.out.println("[" + quoted(section) + "," + quoted(name) + "," + json(reply) + "]");
  }

  static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  /** Bytes that are not printable ASCII in hexadecimal; long ones by their length and ends. */
  static String text(byte[] bytes) {
    for (byte code : bytes) {
      if (code < ' ' || code > '~') {
        StringBuilder hex = new StringBuilder("hex ");
        for (byte other : bytes) hex.append(String.format("%02x", other));
        if (hex.length() <= 1000) return hex.toString();
        return bytes.length + " " + hex.substring(0, 100) + " " + hex.substring(hex.length() - 100);
      }
    }
    return new String(bytes, StandardCharsets.US_ASCII);
  }

  private static String json(Object value) {
    if (value == null || value instanceof Boolean || value instanceof Long || value instanceof Integer)
      return String.valueOf(value);
    if (value instanceof byte[] bytes) return quoted(text(bytes));
    if (value instanceof Map<?, ?> map) {
      Map<String, String> sorted = new TreeMap<>();
      map.forEach((key, item) -> sorted.put(json(key), json(item)));
      List<String> pairs = new ArrayList<>();
      sorted.forEach((key, item) -> pairs.add((key.startsWith("\"") ? key : quoted(key)) + ":" + item));
      return "{" + String.join(",", pairs) + "}";
    }
    if (value instanceof Map.Entry<?, ?> pair) return json(Arrays.asList(pair.getKey(), pair.getValue()));
    if (value instanceof Object[] array) return json(Arrays.asList(array));
    if (value instanceof Collection<?> items) {
      List<String> shown = new ArrayList<>();
      for (Object item : items) shown.add(json(item));
      if (value instanceof Set) shown.sort(null);
      return "[" + String.join(",", shown) + "]";
    }
    return quoted(text(bytes(String.valueOf(value))));
  }

  private static String quoted(String text) {
    return "\"" + text.replace("\\", "\\\\").replace("\"", "\\\"") + "\"";
  }
}
