import java.util.List;

/** The scenario with the Java clients: `Scenario CLIENT PORT PROTOCOL SECTION…`. */
public final class Scenario {
  /** The parts of one client. */
  interface Parts extends AutoCloseable {
    void empty();

    void play(String section) throws Exception;
  }

  public static void main(String[] arguments) throws Exception {
    int port = Integer.parseInt(arguments[1]);
    int protocol = Integer.parseInt(arguments[2]);
    Parts parts =
        arguments[0].equals("jedis")
            ? new JedisScenario(port, protocol)
            : new LettuceScenario(port, protocol);
    try (parts) {
      for (String section : List.of(arguments).subList(3, arguments.length)) {
        Report.section = section;
        parts.empty();
        parts.play(section);
      }
    }
    System.out.flush();
    System.exit(0); // Lettuce's threads take seconds to end by themselves.
  }
}
