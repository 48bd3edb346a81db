import static java.util.Map.entry;
import static redis.clients.jedis.Protocol.Command.CLIENT;
import static redis.clients.jedis.Protocol.Command.GET;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;
import redis.clients.jedis.*;
import redis.clients.jedis.args.*;
import redis.clients.jedis.params.*;
import redis.clients.jedis.resps.ScanResult;

/** The scenario with Jedis: one connection, and once a pool. */
final class JedisScenario implements Scenario.Parts {
  private final int port;
  private final int protocol;
  private final JedisClientConfig config;
  private final Jedis db;

  JedisScenario(int port, int protocol) {
    this.port = port;
    this.protocol = protocol;
    this.config =
        DefaultJedisClientConfig.builder()
            .protocol(protocol == 2 ? RedisProtocol.RESP2 : RedisProtocol.RESP3)
            .clientName("scenario")
            .socketTimeoutMillis(30_000)
            .build();
    this.db = connect();
  }

  private Jedis connect() {
    return new Jedis(new HostAndPort("127.0.0.1", port), config);
  }

  @Override
  public void close() {
    db.close();
  }

  @Override
  public void empty() {
    db.flushAll();
  }

  private static void step(String name, Callable<?> call) {
    Report.step(name, call);
  }

  @Override
  public void play(String section) throws Exception {
    switch (section) {
      case "server" -> server();
      case "strings" -> strings();
      case "binary" -> binary();
      case "keys" -> keys();
      case "hashes" -> hashes();
      case "lists" -> lists();
      case "sets" -> sets();
      case "sorted_sets" -> sortedSets();
      case "bits" -> bits();
      case "errors" -> errors();
      case "pipeline" -> pipeline();
      case "transactions" -> transactions();
      case "pubsub" -> pubsub();
      case "blocking" -> blocking();
      case "scan" -> scan();
      case "streams" -> streams();
      case "scripts" -> scripts();
      default -> throw new IllegalArgumentException(section);
    }
  }

  private void server() {
    step("ping", db::ping);
    step("echo", () -> db.echo("hello"));
    step("clientGetname", db::clientGetname);
    step("clientSetname", () -> db.clientSetname("other"));
    step("configSet", () -> db.configSet("maxmemory-samples", "7"));
    step("configGet", () -> db.configGet("maxmemory-s*"));
    step("configSet", () -> db.configSet("maxmemory-samples", "5"));
    step("dbSize", db::dbSize);
    step("info", () -> db.info("server").contains("redis_version:"));
    step("time", () -> db.time().size());
    try (Jedis third = connect()) {
      step("select", () -> third.select(3));
      step("set", () -> third.set("k", "in 3"));
      step("move", () -> third.move("k", 0));
      step("swapDB", () -> db.swapDB(0, 3));
      step("get", () -> third.get("k"));
      step("flushDB", third::flushDB);
    }
    try (RedisClient pool = RedisClient.builder().hostAndPort("127.0.0.1", port).clientConfig(config).build()) {
      step("pool", () -> List.of(pool.set("pooled", "v"), pool.get("pooled")));
    }
  }

  private void strings() {
    step("set", () -> db.set("s", "value"));
    step("set nx", () -> db.set("s", "other", SetParams.setParams().nx()));
    step("setGet", () -> db.setGet("s", "third", SetParams.setParams().ex(100)));
    step("get", () -> db.get("s"));
    step("ttl", () -> db.ttl("s"));
    step("get", () -> db.get("missing"));
    step("append", () -> db.append("s", "!"));
    step("getrange", () -> db.getrange("s", 1, -2));
    step("setrange", () -> db.setrange("s", 8, "padded"));
    step("incr", () -> db.incr("n"));
    step("incrBy", () -> db.incrBy("n", 41));
    step("decr", () -> db.decr("n"));
    step("incrByFloat", () -> db.incrByFloat("f", 1.25));
    step("mset", () -> db.mset("a", "1", "b", "2"));
    step("mget", () -> db.mget("a", "missing", "b"));
    step("msetnx", () -> db.msetnx("a", "3", "c", "4"));
    step("getDel", () -> db.getDel("a"));
    step("getEx", () -> db.getEx("b", GetExParams.getExParams().ex(50)));
    step("setex", () -> db.setex("e", 30, "v"));
    step("setnx", () -> db.setnx("e", "v"));
    step("lcs", () -> db.lcs("s", "b", LCSParams.LCSParams().idx().withMatchLen()).getLen());
  }

  private void binary() {
    byte[] big = new byte[1 << 20];
    for (int index = 0; index < big.length; index++) big[index] = (byte) index;
    step("set", () -> db.set(Report.ALL_BYTES, Report.ALL_BYTES));
    step("get", () -> db.get(Report.ALL_BYTES));
    step("set", () -> db.set("", ""));
    step("get", () -> db.get(""));
    step("set", () -> db.set("crlf", "a\r\nb\r\n"));
    step("get", () -> db.get("crlf"));
    step("set", () -> db.set(Report.bytes("big"), big));
    step("get", () -> db.get(Report.bytes("big")));
    step("hset", () -> db.hset(Report.bytes("h"), Report.ALL_BYTES, new byte[] {0, 13, 10}));
    step("hgetAll", () -> new ArrayList<>(db.hgetAll(Report.bytes("h")).entrySet()));
    step("rpush", () -> db.rpush(Report.bytes("l"), Report.ALL_BYTES, new byte[0], new byte[1]));
    step("lrange", () -> db.lrange(Report.bytes("l"), 0, -1));
    step("set", () -> db.set("utf8", "gr\u00fc\u00dfe \u20ac"));
    step("get", () -> db.get("utf8"));
  }

  private void keys() {
    step("set", () -> db.set("k", "v"));
    step("exists", () -> db.exists("k", "k", "none"));
    step("type", () -> db.type("k"));
    step("objectEncoding", () -> db.objectEncoding("k"));
    step("expire", () -> db.expire("k", 100));
    step("expire", () -> db.expire("k", 50, ExpiryOption.GT));
    step("persist", () -> db.persist("k"));
    step("pttl", () -> db.pttl("none"));
    step("pexpireAt", () -> db.pexpireAt("k", 99999999999000L));
    step("expireTime", () -> db.expireTime("k"));
    step("rename", () -> db.rename("k", "k2"));
    step("rename", () -> db.rename("none", "k"));
    step("copy", () -> db.copy("k2", "k4", false));
    step("keys", () -> new TreeSet<>(db.keys("k*")));
    step("del", () -> db.del("k2", "none"));
    step("unlink", () -> db.unlink("k4"));
    step("randomKey", db::randomKey);
    step("rpush", () -> db.rpush("l", "3", "1", "2"));
    step("sort", () -> db.sort("l", new SortingParams().desc()));
    step("sort get", () -> db.sort("l", new SortingParams().by("w_*").get("#", "v_*")));
    step("sort store", () -> db.sort("l", new SortingParams().alpha(), "sorted"));
    byte[] dumped = db.dump("l");
    step("restore", () -> db.restore("m", 0, dumped));
    step("restore", () -> db.restore("m", 0, dumped));
    step("lrange", () -> db.lrange("m", 0, -1));
  }

  private void hashes() {
    step("hset", () -> db.hset("h", Map.of("f", "v", "a", "1", "b", "2.5")));
    step("hget", () -> db.hget("h", "f"));
    step("hmget", () -> db.hmget("h", "a", "none"));
    step("hgetAll", () -> db.hgetAll("h"));
    step("hgetAll", () -> db.hgetAll("none"));
    step("hincrBy", () -> db.hincrBy("h", "a", 9));
    step("hincrByFloat", () -> db.hincrByFloat("h", "b", 0.25));
    step("hdel", () -> db.hdel("h", "f", "none"));
    step("hexists", () -> db.hexists("h", "a"));
    step("hkeys", () -> new TreeSet<>(db.hkeys("h")));
    step("hvals", () -> new TreeSet<>(db.hvals("h")));
    step("hrandfield", () -> db.hrandfieldWithValues("h", 2).size());
    step("hrandfield", () -> db.hrandfield("none"));
  }

  private void lists() {
    step("rpush", () -> db.rpush("l", "a", "b", "c", "d", "b"));
    step("lpush", () -> db.lpush("l", "z"));
    step("lrange", () -> db.lrange("l", 0, -1));
    step("lindex", () -> db.lindex("l", 99));
    step("lpos", () -> db.lpos("l", "b"));
    step("lpos count", () -> db.lpos("l", "b", LPosParams.lPosParams(), 0));
    step("linsert", () -> db.linsert("l", ListPosition.BEFORE, "c", "bc"));
    step("lset", () -> db.lset("l", 99, "y"));
    step("lrem", () -> db.lrem("l", -1, "b"));
    step("lmove", () -> db.lmove("l", "m", ListDirection.LEFT, ListDirection.RIGHT));
    step("lmpop", () -> db.lmpop(ListDirection.LEFT, 2, "none", "l"));
    step("lmpop", () -> db.lmpop(ListDirection.LEFT, 2, "none"));
    step("lpop", () -> db.lpop("l", 2));
    step("lpop", () -> db.lpop("none"));
    step("lpop", () -> db.lpop("none", 2));
    step("rpoplpush", () -> db.rpoplpush("l", "m"));
  }

  private void sets() {
    step("sadd", () -> db.sadd("s", "a", "b", "c", "a"));
    step("sadd", () -> db.sadd("t", "b", "c", "d"));
    step("smembers", () -> db.smembers("s"));
    step("smismember", () -> db.smismember("s", "a", "none"));
    step("sinter", () -> db.sinter("s", "t"));
    step("sunion", () -> db.sunion("s", "t"));
    step("sdiff", () -> db.sdiff("s", "t"));
    step("sintercard", () -> db.sintercard(1, "s", "t"));
    step("sinterstore", () -> db.sinterstore("u", "s", "t"));
    step("smove", () -> db.smove("s", "t", "a"));
    step("spop", () -> db.spop("none"));
    step("spop", () -> db.spop("none", 2));
    step("srandmember", () -> db.srandmember("none"));
  }

  private void sortedSets() {
    step("zadd", () -> db.zadd("z", Map.of("a", 1.0, "b", 2.5, "c", 3.0)));
    step("zadd gt ch", () -> db.zadd("z", 5, "a", ZAddParams.zAddParams().gt().ch()));
    step("zaddIncr", () -> db.zaddIncr("z", 1, "a", ZAddParams.zAddParams()));
    step("zaddIncr", () -> db.zaddIncr("z", 1, "a", ZAddParams.zAddParams().xx().lt()));
    step("zincrby", () -> db.zincrby("z", 0.5, "b"));
    step("zscore", () -> db.zscore("z", "a"));
    step("zscore", () -> db.zscore("z", "none"));
    step("zmscore", () -> db.zmscore("z", "a", "none"));
    step("zrange", () -> db.zrangeWithScores("z", 0, -1));
    step("zrange byscore", () -> db.zrange("z", ZRangeParams.zrangeByScoreParams(2.5, 9).limit(0, 1)));
    step("zrevrange", () -> db.zrevrangeWithScores("z", 0, 0));
    step("zrangeByScore", () -> db.zrangeByScoreWithScores("z", "-inf", "(6"));
    step("zrank", () -> db.zrank("z", "none"));
    step("zadd", () -> db.zadd("lex", Map.of("a", 0.0, "b", 0.0, "c", 0.0)));
    step("zrangeByLex", () -> db.zrangeByLex("lex", "[b", "+"));
    ZParams most = new ZParams().aggregate(ZParams.Aggregate.MAX);
    step("zunion", () -> db.zunionWithScores(most, "z", "lex"));
    step("zinter", () -> db.zinterWithScores(most, "z", "lex"));
    step("zdiff", () -> db.zdiffWithScores("z", "lex"));
    step("zunionstore", () -> db.zunionstore("u", new ZParams().weights(2, 3), "z", "lex"));
    step("zmpop", () -> db.zmpop(SortedSetOption.MIN, 2, "none", "u"));
    step("zmpop", () -> db.zmpop(SortedSetOption.MAX, "none"));
    step("zpopmin", () -> db.zpopmin("z"));
    step("zpopmax", () -> db.zpopmax("z", 2));
    step("zpopmin", () -> db.zpopmin("z"));
    double endless = Double.POSITIVE_INFINITY;
    step("zadd", () -> db.zadd("inf", Map.of("m", -endless, "p", endless, "t", 1e300, "s", 0.1)));
    step("zrange", () -> db.zrangeWithScores("inf", 0, -1));
  }

  private void bits() {
    step("setbit", () -> db.setbit("b", 7, true));
    step("bitcount", () -> db.bitcount("b"));
    step("bitpos", () -> db.bitpos("b", true));
    step("bitop", () -> db.bitop(BitOP.NOT, "nb", "b"));
    step("bitfield", () -> db.bitfield("b", "SET", "u8", "0", "200", "OVERFLOW", "FAIL", "INCRBY", "u8", "0", "100"));
    step("pfadd", () -> db.pfadd("p", "a", "b", "c"));
    step("pfcount", () -> db.pfcount("p"));
    step("geoadd", () -> db.geoadd("g", 13.361389, 38.115556, "Palermo"));
    step("geoadd", () -> db.geoadd("g", 15.087269, 37.502669, "Catania"));
    step("geodist", () -> db.geodist("g", "Palermo", "Catania", GeoUnit.KM));
    step("geopos", () -> db.geopos("g", "Palermo", "none"));
    step("geohash", () -> db.geohash("g", "Palermo", "none"));
    GeoSearchParam near =
        new GeoSearchParam().fromLonLat(15, 37).byRadius(200, GeoUnit.KM).asc().withCoord().withDist().withHash();
    List<Object> found = new ArrayList<>();
    db.geosearch("g", near).forEach(place -> {
      found.add(place.getMemberByString());
      found.add(List.of(place.getDistance(), place.getRawScore(), place.getCoordinate()));
    });
    step("geosearch", () -> found);
  }

  private void errors() {
    step("set", () -> db.set("s", "text"));
    step("lpush", () -> db.lpush("s", "x"));
    step("incr", () -> db.incr("s"));
    step("unknown", () -> db.sendCommand(() -> Report.bytes("NOSUCH"), "a", "b"));
    step("arity", () -> db.sendCommand(GET));
    step("subcommand", () -> db.sendCommand(CLIENT, "NOSUCH"));
    step("configSet", () -> db.configSet("nosuch", "1"));
    step("setrange", () -> db.setrange("s", -1, "x"));
    step("select", () -> db.select(9999));
    step("objectEncoding", () -> db.objectEncoding("none"));
    step("auth", () -> db.auth("wrong"));
    step("ping", db::ping);
  }

  private void pipeline() {
    Pipeline pipe = db.pipelined();
    for (int number = 0; number < 1000; number++) {
      pipe.set("p:" + number, "" + number);
      pipe.incr("p:" + number);
      pipe.get("p:" + number);
    }
    step("pipeline", pipe::syncAndReturnAll);
    pipe.set("p", "v");
    pipe.lpush("p", "x");
    pipe.hgetAll("none");
    step("errors", pipe::syncAndReturnAll);
  }

  private void transactions() {
    Transaction first = db.multi();
    first.set("t", "1");
    first.incr("t");
    first.zadd("z", 1.5, "m");
    first.zrangeWithScores("z", 0, -1);
    step("exec", first::exec);
    Transaction second = db.multi();
    second.set("t", "v");
    second.incr("t");
    second.get("t");
    step("error", second::exec);
    try (Jedis other = connect()) {
      step("watch", () -> db.watch("t"));
      other.set("t", "changed");
      Transaction third = db.multi();
      third.set("t", "lost");
      step("lost", third::exec);
    }
    step("unwatch", db::unwatch);
    Transaction fourth = db.multi();
    fourth.set("t", "lost");
    step("discard", fourth::discard);
    step("get", () -> db.get("t"));
  }

  /** Hears in a thread of its own, for Jedis listens in the calling one. */
  private static final class Listener extends JedisPubSub {
    final BlockingQueue<List<Object>> heard = new LinkedBlockingQueue<>();

    @Override
    public void onMessage(String channel, String message) {
      heard.add(List.of("message", channel, message));
    }

    @Override
    public void onPMessage(String pattern, String channel, String message) {
      heard.add(List.of("pmessage", pattern, channel, message));
    }

    @Override
    public void onSubscribe(String channel, int count) {
      heard.add(List.of("subscribe", channel, count));
    }

    @Override
    public void onUnsubscribe(String channel, int count) {
      heard.add(List.of("unsubscribe", channel, count));
    }

    @Override
    public void onPSubscribe(String pattern, int count) {
      heard.add(List.of("psubscribe", pattern, count));
    }

    @Override
    public void onPUnsubscribe(String pattern, int count) {
      heard.add(List.of("punsubscribe", pattern, count));
    }

    @Override
    public void onPong(String message) {
      heard.add(List.of("pong", message));
    }

    void hear(int count) {
      for (; count > 0; count--) step("heard", () -> heard.poll(20, TimeUnit.SECONDS));
    }
  }

  private void pubsub() throws InterruptedException {
    Listener listener = new Listener();
    Jedis connection = connect();
    Thread thread = new Thread(() -> connection.subscribe(listener, "a", "b"));
    thread.start();
    listener.hear(2);
    listener.psubscribe("a*", "__key*__:*");
    listener.hear(2);
    step("publish", () -> db.publish("a", "to both"));
    listener.hear(2);
    step("publish", () -> db.publish("b", "gr\u00fc\u00dfe"));
    listener.hear(1);
    step("pubsubChannels", () -> new TreeSet<>(db.pubsubChannels()));
    step("pubsubNumSub", () -> db.pubsubNumSub("a", "c"));
    step("configSet", () -> db.configSet("notify-keyspace-events", "KEA"));
    step("setex", () -> db.setex("e", 100, "v"));
    listener.hear(4);
    step("configSet", () -> db.configSet("notify-keyspace-events", ""));
    if (protocol == 2) { // Under RESP3 Jedis takes the answer for a broken message.
      listener.ping("still there");
      listener.hear(1);
    }
    listener.unsubscribe("a");
    listener.hear(1);
    listener.unsubscribe("b");
    listener.hear(1);
    listener.punsubscribe("a*", "__key*__:*");
    listener.hear(2);
    thread.join();
    step("as before", () -> connection.get("none"));
    connection.close();
  }

  /** Makes a call that waits and, once it does, `then` from another connection. */
  private void whileWaiting(String name, Callable<?> wait, Consumer<Jedis> then)
      throws InterruptedException {
    Thread thread = new Thread(() -> step(name, wait));
    thread.start();
    try (Jedis other = connect()) {
      while (other.info("clients").contains("blocked_clients:0")) Thread.sleep(1);
      then.accept(other);
    }
    thread.join();
  }

  private void blocking() throws InterruptedException {
    ListDirection left = ListDirection.LEFT;
    step("rpush", () -> db.rpush("l", "a"));
    step("blpop", () -> db.blpop(1.0, "none", "l"));
    step("blpop", () -> db.blpop(0.05, "none"));
    whileWaiting("blpop", () -> db.blpop(20, "l", "m"), other -> other.rpush("m", "x", "y"));
    whileWaiting("blmove", () -> db.blmove("q", "r", left, ListDirection.RIGHT, 20),
        other -> other.lpush("q", "moved"));
    whileWaiting("bzpopmin", () -> db.bzpopmin(20, "z"), other -> other.zadd("z", 1.5, "m"));
    whileWaiting("blmpop", () -> db.blmpop(20, left, 2, "o", "n"), other -> other.rpush("n", "p", "q"));
    whileWaiting("bzmpop", () -> db.bzmpop(20, SortedSetOption.MIN, "z"), other -> other.zadd("z", 3, "m"));
  }

  /** Everything that a kind of scan finds, sorted and once. */
  private static void scanned(String name, Function<String, ScanResult<?>> next) {
    TreeSet<String> found = new TreeSet<>();
    String cursor = ScanParams.SCAN_POINTER_START;
    do {
      ScanResult<?> batch = next.apply(cursor);
      batch.getResult().forEach(item -> found.add(item.toString()));
      cursor = batch.getCursor();
    } while (!cursor.equals(ScanParams.SCAN_POINTER_START));
    Report.say(name, found);
  }

  private void scan() {
    Pipeline pipe = db.pipelined();
    for (int number = 0; number < 1000; number++) {
      pipe.set("scan:" + number, "" + number);
      pipe.hset("scan:h", "m" + number, "" + number);
      pipe.sadd("scan:s", "" + number);
      pipe.zadd("scan:z", number, "m" + number);
    }
    pipe.sync();
    ScanParams many = new ScanParams().match("scan:*").count(50);
    scanned("scan", cursor -> db.scan(cursor, many));
    scanned("scan type", cursor -> db.scan(cursor, many, "hash"));
    scanned("hscan", cursor -> db.hscan("scan:h", cursor, new ScanParams().match("m9*")));
    scanned("sscan", cursor -> db.sscan("scan:s", cursor, new ScanParams().count(100)));
    scanned("zscan", cursor -> db.zscan("scan:z", cursor, new ScanParams().match("m99*")));
  }

  private static StreamEntryID id(long first, long second) {
    return new StreamEntryID(first, second);
  }

  private static Map<String, StreamEntryID> from(String key, StreamEntryID id) {
    return new LinkedHashMap<>(Map.of(key, id));
  }

  private void streams() throws InterruptedException {
    for (int number = 1; number < 6; number++) {
      Map<String, String> fields = Map.of("n", "" + number);
      StreamEntryID id = id(number, 1);
      step("xadd", () -> db.xadd("x", id, fields));
    }
    step("xadd", () -> db.xadd("x", id(1, 1), Map.of("n", "0")));
    step("xlen", () -> db.xlen("x"));
    step("xrange", () -> db.xrange("x", "2", "4", 2));
    step("xrevrange", () -> db.xrevrange("x", "+", "-", 1));
    step("xread", () -> db.xread(XReadParams.xReadParams().count(1), from("x", id(3, 1))));
    step("xread", () -> db.xread(XReadParams.xReadParams().block(20), from("x", id(5, 1))));
    step("xgroupCreate", () -> db.xgroupCreate("x", "g", id(0, 0), false));
    step("xgroupCreate", () -> db.xgroupCreate("x", "g", id(0, 0), false));
    step("xgroupCreate", () -> db.xgroupCreate("y", "g", id(0, 0), true));
    StreamEntryID fresh = StreamEntryID.XREADGROUP_UNDELIVERED_ENTRY;
    step("xreadGroup", () ->
        db.xreadGroup("g", "ann", XReadGroupParams.xReadGroupParams().count(3), from("x", fresh)));
    step("xack", () -> db.xack("x", "g", id(1, 1)));
    step("xpending", () -> db.xpending("x", "g").getConsumerMessageCount());
    step("xclaim", () -> db.xclaim("x", "g", "bob", 0, XClaimParams.xClaimParams(), id(2, 1)));
    step("xautoclaim", () ->
        db.xautoclaim("x", "g", "bob", 0, id(0, 0), XAutoClaimParams.xAutoClaimParams()));
    step("xdel", () -> db.xdel("x", id(2, 1)));
    step("xtrim", () -> db.xtrim("x", 3, false));
    step("xinfoStream", () -> db.xinfoStream("x").getLastGeneratedId());
    step("xinfoGroups", () -> db.xinfoGroups("x").size());
    step("xgroupDestroy", () -> db.xgroupDestroy("x", "g"));
    whileWaiting("xread", () -> db.xread(XReadParams.xReadParams().block(20_000), from("y", id(0, 1))),
        other -> other.xadd("y", id(9, 9), Map.of("k", "v")));
    step("xreadGroup", () ->
        db.xreadGroup("g", "ann", XReadGroupParams.xReadGroupParams(), from("y", fresh)));
    whileWaiting("xreadGroup", () -> db.xreadGroup("g", "ann",
        XReadGroupParams.xReadGroupParams().block(20_000), from("y", fresh)),
        other -> other.xadd("y", id(9, 10), Map.of("k", "w")));
  }

  private void scripts() {
    String script = "return {1, 'two', redis.call('SET', KEYS[1], ARGV[1]), false}";
    step("eval", () -> db.eval(script, List.of("k"), List.of("v")));
    step("eval", () -> db.eval(Report.bytes("return ARGV[1]"), 0, Report.ALL_BYTES));
    step("eval", () -> db.eval("return redis.call('HGETALL', KEYS[1])", 1, "none"));
    step("eval", () -> db.eval("return redis.error_reply('MINE words')"));
    step("eval", () -> db.eval("return redis.call('INCR', KEYS[1])", 1, "k"));
    step("evalsha", () -> db.evalsha("0".repeat(40)));
    String sha = db.scriptLoad("return #KEYS");
    step("evalsha", () -> entry(sha, db.evalsha(sha, 2, "a", "b")));
    step("scriptExists", () -> db.scriptExists(sha, "0".repeat(40)));
    step("scriptFlush", db::scriptFlush);
  }
}
