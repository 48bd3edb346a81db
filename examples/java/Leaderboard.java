// A leaderboard with Jedis: java -cp 'lib/*' Leaderboard.java [PORT], with Jedis's jars in lib.

import java.util.Map;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.resps.Tuple;

public final class Leaderboard {
  public static void main(String[] arguments) {
    int port = arguments.length > 0 ? Integer.parseInt(arguments[0]) : 6379;
    try (Jedis db = new Jedis("127.0.0.1", port)) {
      db.del("scores");
      db.zadd("scores", Map.of("ann", 120.0, "bob", 95.0, "eve", 140.0));
      db.zincrby("scores", 30, "bob");
      for (Tuple place : db.zrevrangeWithScores("scores", 0, 1))
        System.out.print(place.getElement() + " " + Math.round(place.getScore()) + " ");
      System.out.println("bob is number " + (db.zrevrank("scores", "bob") + 1));
    }
  }
}
