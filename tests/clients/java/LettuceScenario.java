import io.lettuce.core.*;
import io.lettuce.core.XReadArgs.StreamOffset;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.api.async.RedisAsyncCommands;
import io.lettuce.core.api.sync.RedisCommands;
import io.lettuce.core.codec.ByteArrayCodec;
import io.lettuce.core.codec.StringCodec;
import io.lettuce.core.output.StatusOutput;
import io.lettuce.core.protocol.CommandArgs;
import io.lettuce.core.protocol.CommandType;
import io.lettuce.core.protocol.ProtocolVersion;
import io.lettuce.core.pubsub.RedisPubSubListener;
import io.lettuce.core.pubsub.StatefulRedisPubSubConnection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
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

/** The scenario with Lettuce: asynchronous beneath, mostly used through its sync interface. */
final class LettuceScenario implements Scenario.Parts {
  private final RedisURI uri;
  private final RedisClient client;
  private final StatefulRedisConnection<String, String> connection;
  private final RedisCommands<String, String> db;

  LettuceScenario(int port, int protocol) {
    uri = RedisURI.builder().withHost("127.0.0.1").withPort(port).withClientName("scenario")
        .withTimeout(Duration.ofSeconds(30)).build();
    client = RedisClient.create(uri);
    client.setOptions(ClientOptions.builder()
        .protocolVersion(protocol == 2 ? ProtocolVersion.RESP2 : ProtocolVersion.RESP3).build());
    connection = client.connect();
    db = connection.sync();
  }

  @Override
  public void close() {
    connection.close();
    client.shutdown(Duration.ZERO, Duration.ofSeconds(2));
  }

  @Override
  public void empty() {
    db.flushall();
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
    step("dbsize", db::dbsize);
    step("info", () -> db.info("server").contains("redis_version:"));
    step("commandInfo", () -> db.commandInfo("GET", "NOSUCH").size());
    try (StatefulRedisConnection<String, String> other = client.connect()) {
      RedisCommands<String, String> third = other.sync();
      step("select", () -> third.select(3));
      step("set", () -> third.set("k", "in 3"));
      step("move", () -> third.move("k", 0));
      step("swapdb", () -> db.swapdb(0, 3));
      step("get", () -> third.get("k"));
      step("flushdb", third::flushdb);
    }
  }

  private void strings() {
    step("set", () -> db.set("s", "value"));
    step("set nx", () -> db.set("s", "other", SetArgs.Builder.nx()));
    step("setGet", () -> db.setGet("s", "third", SetArgs.Builder.ex(100)));
    step("get", () -> db.get("s"));
    step("ttl", () -> db.ttl("s"));
    step("get", () -> db.get("missing"));
    step("append", () -> db.append("s", "!"));
    step("getrange", () -> db.getrange("s", 1, -2));
    step("setrange", () -> db.setrange("s", 8, "padded"));
    step("incr", () -> db.incr("n"));
    step("incrby", () -> db.incrby("n", 41));
    step("decr", () -> db.decr("n"));
    step("incrbyfloat", () -> db.incrbyfloat("f", 1.25));
    step("mset", () -> db.mset(Map.of("a", "1", "b", "2")));
    step("mget", () -> db.mget("a", "missing", "b"));
    step("msetnx", () -> db.msetnx(Map.of("a", "3", "c", "4")));
    step("getdel", () -> db.getdel("a"));
    step("getex", () -> db.getex("b", GetExArgs.Builder.ex(50)));
    step("setex", () -> db.setex("e", 30, "v"));
    step("setnx", () -> db.setnx("e", "v"));
    step("lcs", () -> db.lcs(LcsArgs.Builder.keys("s", "b").withIdx()).getLen());
  }

  private void binary() {
    byte[] big = new byte[1 << 20];
    for (int index = 0; index < big.length; index++) big[index] = (byte) index;
    byte[] key = Report.bytes("big");
    try (StatefulRedisConnection<byte[], byte[]> bytes = client.connect(ByteArrayCodec.INSTANCE)) {
      RedisCommands<byte[], byte[]> raw = bytes.sync();
      step("set", () -> raw.set(Report.ALL_BYTES, Report.ALL_BYTES));
      step("get", () -> raw.get(Report.ALL_BYTES));
      step("set", () -> raw.set(new byte[0], new byte[0]));
      step("get", () -> raw.get(new byte[0]));
      step("set", () -> raw.set(key, big));
      step("get", () -> raw.get(key));
      step("hset", () -> raw.hset(Report.bytes("h"), Report.ALL_BYTES, new byte[] {0, 13, 10}));
      step("hgetall", () -> new ArrayList<>(raw.hgetall(Report.bytes("h")).entrySet()));
      step("rpush", () -> raw.rpush(Report.bytes("l"), Report.ALL_BYTES, new byte[0], new byte[1]));
      step("lrange", () -> raw.lrange(Report.bytes("l"), 0, -1));
    }
    step("set", () -> db.set("utf8", "gr\u00fc\u00dfe \u20ac\r\n"));
    step("get", () -> db.get("utf8"));
  }

  private void keys() {
    step("set", () -> db.set("k", "v"));
    step("exists", () -> db.exists("k", "k", "none"));
    step("type", () -> db.type("k"));
    step("objectEncoding", () -> db.objectEncoding("k"));
    step("expire", () -> db.expire("k", 100));
    step("expire", () -> db.expire("k", 50, ExpireArgs.Builder.gt()));
    step("persist", () -> db.persist("k"));
    step("pttl", () -> db.pttl("none"));
    step("pexpireat", () -> db.pexpireat("k", 99999999999000L));
    step("expiretime", () -> db.expiretime("k"));
    step("rename", () -> db.rename("k", "k2"));
    step("rename", () -> db.rename("none", "k"));
    step("copy", () -> db.copy("k2", "k4"));
    step("keys", () -> new TreeSet<>(db.keys("k*")));
    step("del", () -> db.del("k2", "none"));
    step("unlink", () -> db.unlink("k4"));
    step("randomkey", db::randomkey);
    step("rpush", () -> db.rpush("l", "3", "1", "2"));
    step("sort", () -> db.sort("l", SortArgs.Builder.desc()));
    step("sort get", () -> db.sort("l", SortArgs.Builder.by("w_*").get("#").get("v_*")));
    step("sortStore", () -> db.sortStore("l", SortArgs.Builder.alpha(), "sorted"));
    byte[] dumped = db.dump("l");
    step("restore", () -> db.restore("m", 0, dumped));
    step("restore", () -> db.restore("m", 0, dumped));
    step("lrange", () -> db.lrange("m", 0, -1));
  }

  private void hashes() {
    step("hset", () -> db.hset("h", Map.of("f", "v", "a", "1", "b", "2.5")));
    step("hget", () -> db.hget("h", "f"));
    step("hmget", () -> db.hmget("h", "a", "none"));
    step("hgetall", () -> db.hgetall("h"));
    step("hgetall", () -> db.hgetall("none"));
    step("hincrby", () -> db.hincrby("h", "a", 9));
    step("hincrbyfloat", () -> db.hincrbyfloat("h", "b", 0.25));
    step("hdel", () -> db.hdel("h", "f", "none"));
    step("hexists", () -> db.hexists("h", "a"));
    step("hkeys", () -> new TreeSet<>(db.hkeys("h")));
    step("hvals", () -> new TreeSet<>(db.hvals("h")));
    step("hrandfield", () -> db.hrandfieldWithvalues("h", 2).size());
    step("hrandfield", () -> db.hrandfield("none"));
  }

  private void lists() {
    step("rpush", () -> db.rpush("l", "a", "b", "c", "d", "b"));
    step("lpush", () -> db.lpush("l", "z"));
    step("lrange", () -> db.lrange("l", 0, -1));
    step("lindex", () -> db.lindex("l", 99));
    step("lpos", () -> db.lpos("l", "b"));
    step("lpos count", () -> db.lpos("l", "b", 0));
    step("linsert", () -> db.linsert("l", true, "c", "bc"));
    step("lset", () -> db.lset("l", 99, "y"));
    step("lrem", () -> db.lrem("l", -1, "b"));
    step("lmove", () -> db.lmove("l", "m", LMoveArgs.Builder.leftRight()));
    step("lmpop", () -> db.lmpop(LMPopArgs.Builder.left().count(2), "none", "l"));
    step("lmpop", () -> db.lmpop(LMPopArgs.Builder.left().count(2), "none"));
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
    step("zadd", () -> db.zadd("z", 1.0, "a", 2.5, "b", 3.0, "c"));
    step("zadd gt ch", () -> db.zadd("z", ZAddArgs.Builder.gt().ch(), 5, "a"));
    step("zaddincr", () -> db.zaddincr("z", 1, "a"));
    step("zaddincr", () -> db.zaddincr("z", ZAddArgs.Builder.xx().lt(), 1, "a"));
    step("zincrby", () -> db.zincrby("z", 0.5, "b"));
    step("zscore", () -> db.zscore("z", "a"));
    step("zscore", () -> db.zscore("z", "none"));
    step("zmscore", () -> db.zmscore("z", "a", "none"));
    step("zrange", () -> db.zrangeWithScores("z", 0, -1));
    step("zrevrange", () -> db.zrevrangeWithScores("z", 0, 0));
    step("zrangebyscore", () -> db.zrangebyscoreWithScores("z", Range.create(2.5, 9), Limit.create(0, 1)));
    step("zrank", () -> db.zrank("z", "none"));
    step("zadd", () -> db.zadd("lex", 0.0, "a", 0.0, "b", 0.0, "c"));
    step("zrangebylex", () -> db.zrangebylex("lex", Range.create("b", "z")));
    step("zunion", () -> db.zunionWithScores(new ZAggregateArgs().max(), "z", "lex"));
    step("zinter", () -> db.zinterWithScores(new ZAggregateArgs().max(), "z", "lex"));
    step("zdiff", () -> db.zdiffWithScores("z", "lex"));
    step("zunionstore", () -> db.zunionstore("u", ZStoreArgs.Builder.weights(2.0, 3.0), "z", "lex"));
    step("zmpop", () -> db.zmpop(2, ZPopArgs.Builder.min(), "none", "u"));
    step("zmpop", () -> db.zmpop(ZPopArgs.Builder.max(), "none"));
    step("zpopmin", () -> db.zpopmin("z"));
    step("zpopmax", () -> db.zpopmax("z", 2));
    step("zpopmin", () -> db.zpopmin("z"));
    double endless = Double.POSITIVE_INFINITY;
    step("zadd", () -> db.zadd("inf", -endless, "m", endless, "p", 1e300, "t", 0.1, "s"));
    step("zrange", () -> db.zrangeWithScores("inf", 0, -1));
  }

  private void bits() {
    step("setbit", () -> db.setbit("b", 7, 1));
    step("bitcount", () -> db.bitcount("b"));
    step("bitpos", () -> db.bitpos("b", true));
    step("bitopNot", () -> db.bitopNot("nb", "b"));
    BitFieldArgs.BitFieldType eight = BitFieldArgs.unsigned(8);
    step("bitfield", () -> db.bitfield("b", BitFieldArgs.Builder.set(eight, 0, 200)
        .overflow(BitFieldArgs.OverflowType.FAIL).incrBy(eight, 0, 100)));
    step("pfadd", () -> db.pfadd("p", "a", "b", "c"));
    step("pfcount", () -> db.pfcount("p"));
    step("geoadd", () -> db.geoadd("g", 13.361389, 38.115556, "Palermo"));
    step("geoadd", () -> db.geoadd("g", 15.087269, 37.502669, "Catania"));
    step("geodist", () -> db.geodist("g", "Palermo", "Catania", GeoArgs.Unit.km));
    step("geopos", () -> db.geopos("g", "Palermo", "none"));
    step("geohash", () -> db.geohash("g", "Palermo", "none"));
    step("geosearch", () -> db.geosearch("g", GeoSearch.fromCoordinates(15, 37),
        GeoSearch.byRadius(200, GeoArgs.Unit.km), GeoArgs.Builder.full().asc()));
  }

  private void errors() {
    step("set", () -> db.set("s", "text"));
    step("lpush", () -> db.lpush("s", "x"));
    step("incr", () -> db.incr("s"));
    step("arity", () -> db.dispatch(CommandType.GET, new StatusOutput<>(StringCodec.UTF8)));
    step("subcommand", () -> db.dispatch(CommandType.CLIENT, new StatusOutput<>(StringCodec.UTF8),
        new CommandArgs<>(StringCodec.UTF8).add("NOSUCH")));
    step("configSet", () -> db.configSet("nosuch", "1"));
    step("setrange", () -> db.setrange("s", -1, "x"));
    step("select", () -> db.select(9999));
    step("objectEncoding", () -> db.objectEncoding("none"));
    step("ping", db::ping);
  }

  private void pipeline() throws Exception {
    RedisAsyncCommands<String, String> async = connection.async();
    List<RedisFuture<?>> sent = new ArrayList<>();
    for (int number = 0; number < 1000; number++) {
      sent.add(async.set("p:" + number, "" + number));
      sent.add(async.incr("p:" + number));
      sent.add(async.get("p:" + number));
    }
    List<Object> replies = new ArrayList<>();
    for (RedisFuture<?> future : sent) replies.add(future.get(20, TimeUnit.SECONDS));
    Report.say("pipeline", replies);
    RedisFuture<String> set = async.set("p", "v");
    RedisFuture<Long> push = async.lpush("p", "x");
    RedisFuture<Map<String, String>> all = async.hgetall("none");
    step("set", set::get);
    step("lpush", push::get);
    step("hgetall", all::get);
  }

  private static Object results(TransactionResult result) {
    List<Object> shown = new ArrayList<>();
    result.forEach(item -> shown.add(item instanceof Exception error ? error.getMessage() : item));
    return List.of(result.wasDiscarded(), shown);
  }

  private void transactions() {
    step("multi", db::multi);
    db.set("t", "1");
    db.incr("t");
    db.zadd("z", 1.5, "m");
    db.zrangeWithScores("z", 0, -1);
    step("exec", () -> results(db.exec()));
    step("multi", db::multi);
    db.set("t", "v");
    db.incr("t");
    db.get("t");
    step("error", () -> results(db.exec()));
    step("watch", () -> db.watch("t"));
    try (StatefulRedisConnection<String, String> other = client.connect()) {
      other.sync().set("t", "changed");
    }
    step("multi", db::multi);
    db.set("t", "lost");
    step("lost", () -> results(db.exec()));
    step("unwatch", db::unwatch);
    step("multi", db::multi);
    db.set("t", "lost");
    step("discard", db::discard);
    step("get", () -> db.get("t"));
  }

  private static final class Listener implements RedisPubSubListener<String, String> {
    final BlockingQueue<List<Object>> heard = new LinkedBlockingQueue<>();

    @Override
    public void message(String channel, String message) {
      heard.add(List.of("message", channel, message));
    }

    @Override
    public void message(String pattern, String channel, String message) {
      heard.add(List.of("pmessage", pattern, channel, message));
    }

    @Override
    public void smessage(String channel, String message) {
      heard.add(List.of("smessage", channel, message));
    }

    @Override
    public void subscribed(String channel, long count) {
      heard.add(List.of("subscribed", channel, count));
    }

    @Override
    public void psubscribed(String pattern, long count) {
      heard.add(List.of("psubscribed", pattern, count));
    }

    @Override
    public void ssubscribed(String channel, long count) {
      heard.add(List.of("ssubscribed", channel, count));
    }

    @Override
    public void unsubscribed(String channel, long count) {
      heard.add(List.of("unsubscribed", channel, count));
    }

    @Override
    public void punsubscribed(String pattern, long count) {
      heard.add(List.of("punsubscribed", pattern, count));
    }

    @Override
    public void sunsubscribed(String channel, long count) {
      heard.add(List.of("sunsubscribed", channel, count));
    }

    void hear(int count) {
      for (; count > 0; count--) step("heard", () -> heard.poll(20, TimeUnit.SECONDS));
    }
  }

  private void pubsub() {
    Listener listener = new Listener();
    try (StatefulRedisPubSubConnection<String, String> hearing = client.connectPubSub()) {
      hearing.addListener(listener);
      hearing.sync().subscribe("a", "b");
      listener.hear(2);
      hearing.sync().psubscribe("a*", "__key*__:*");
      listener.hear(2);
      step("publish", () -> db.publish("a", "to both"));
      listener.hear(2);
      step("publish", () -> db.publish("b", "gr\u00fc\u00dfe"));
      listener.hear(1);
      step("pubsubChannels", () -> new TreeSet<>(db.pubsubChannels()));
      step("pubsubNumsub", () -> db.pubsubNumsub("a", "c"));
      hearing.sync().ssubscribe("s");
      listener.hear(1);
      step("spublish", () -> db.spublish("s", "sharded"));
      listener.hear(1);
      step("configSet", () -> db.configSet("notify-keyspace-events", "KEA"));
      step("setex", () -> db.setex("e", 100, "v"));
      listener.hear(4);
      step("configSet", () -> db.configSet("notify-keyspace-events", ""));
      step("ping", () -> hearing.sync().ping());
      hearing.sync().unsubscribe("a", "b");
      listener.hear(2);
      hearing.sync().punsubscribe("a*", "__key*__:*");
      listener.hear(2);
      hearing.sync().sunsubscribe("s");
      listener.hear(1);
      step("as before", () -> hearing.sync().get("none"));
    }
  }

  /** Makes a call that waits and, once it does, `then` from another connection. */
  private void whileWaiting(String name, Callable<?> wait, Consumer<RedisCommands<String, String>> then)
      throws InterruptedException {
    Thread thread = new Thread(() -> step(name, wait));
    thread.start();
    try (StatefulRedisConnection<String, String> other = client.connect()) {
      while (other.sync().info("clients").contains("blocked_clients:0")) Thread.sleep(1);
      then.accept(other.sync());
    }
    thread.join();
  }

  private void blocking() throws InterruptedException {
    step("rpush", () -> db.rpush("l", "a"));
    step("blpop", () -> db.blpop(1, "none", "l"));
    step("blpop", () -> db.blpop(0.05, "none"));
    whileWaiting("blpop", () -> db.blpop(20, "l", "m"), other -> other.rpush("m", "x", "y"));
    whileWaiting("blmove", () -> db.blmove("q", "r", LMoveArgs.Builder.leftRight(), 20),
        other -> other.lpush("q", "moved"));
    whileWaiting("bzpopmin", () -> db.bzpopmin(20, "z"), other -> other.zadd("z", 1.5, "m"));
    whileWaiting("blmpop", () -> db.blmpop(20, LMPopArgs.Builder.left().count(2), "o", "n"),
        other -> other.rpush("n", "p", "q"));
    whileWaiting("bzmpop", () -> db.bzmpop(20, ZPopArgs.Builder.min(), "z"), other -> other.zadd("z", 3, "m"));
  }

  /** Everything that a kind of scan finds, sorted and once. */
  private static <C extends ScanCursor> void scanned(
      String name, Function<ScanCursor, C> next, Function<C, Iterable<?>> items) {
    TreeSet<String> found = new TreeSet<>(Comparator.naturalOrder());
    ScanCursor cursor = ScanCursor.INITIAL;
    do {
      C batch = next.apply(cursor);
      items.apply(batch).forEach(item -> found.add(item.toString()));
      cursor = batch;
    } while (!cursor.isFinished());
    Report.say(name, found);
  }

  private void scan() {
    Map<String, String> pairs = new LinkedHashMap<>();
    Map<String, String> strings = new LinkedHashMap<>();
    List<String> members = new ArrayList<>();
    List<Object> scored = new ArrayList<>();
    for (int number = 0; number < 1000; number++) {
      strings.put("scan:" + number, "" + number);
      pairs.put("m" + number, "" + number);
      members.add("" + number);
      scored.add((double) number);
      scored.add("m" + number);
    }
    db.mset(strings);
    db.hset("scan:h", pairs);
    db.sadd("scan:s", members.toArray(String[]::new));
    db.zadd("scan:z", scored.toArray());
    ScanArgs many = ScanArgs.Builder.matches("scan:*").limit(50);
    ScanArgs nines = ScanArgs.Builder.matches("m99*");
    scanned("scan", cursor -> db.scan(cursor, many), KeyScanCursor::getKeys);
    scanned("scan type", cursor -> db.scan(cursor, KeyScanArgs.Builder.type("hash")), KeyScanCursor::getKeys);
    scanned("hscan", cursor -> db.hscan("scan:h", cursor, nines), batch -> batch.getMap().entrySet());
    scanned("sscan", cursor -> db.sscan("scan:s", cursor), ValueScanCursor::getValues);
    scanned("zscan", cursor -> db.zscan("scan:z", cursor, nines), ScoredValueScanCursor::getValues);
  }

  private void streams() throws InterruptedException {
    for (int number = 1; number < 6; number++) {
      String id = number + "-1";
      String value = "" + number;
      step("xadd", () -> db.xadd("x", XAddArgs.Builder.maxlen(100).id(id), Map.of("n", value)));
    }
    step("xadd", () -> db.xadd("x", new XAddArgs().id("1-1"), Map.of("n", "0")));
    step("xlen", () -> db.xlen("x"));
    step("xrange", () -> db.xrange("x", Range.create("2", "4"), Limit.create(0, 2)));
    step("xrevrange", () -> db.xrevrange("x", Range.unbounded(), Limit.create(0, 1)));
    step("xread", () -> db.xread(XReadArgs.Builder.count(1), StreamOffset.from("x", "3-1")));
    step("xread", () -> db.xread(XReadArgs.Builder.block(20), StreamOffset.latest("x")));
    step("xgroupCreate", () -> db.xgroupCreate(StreamOffset.from("x", "0"), "g"));
    step("xgroupCreate", () -> db.xgroupCreate(StreamOffset.from("x", "0"), "g"));
    step("xgroupCreate", () ->
        db.xgroupCreate(StreamOffset.latest("y"), "g", XGroupCreateArgs.Builder.mkstream()));
    io.lettuce.core.Consumer<String> ann = io.lettuce.core.Consumer.from("g", "ann");
    io.lettuce.core.Consumer<String> bob = io.lettuce.core.Consumer.from("g", "bob");
    step("xreadgroup", () -> db.xreadgroup(ann, XReadArgs.Builder.count(3), StreamOffset.lastConsumed("x")));
    step("xack", () -> db.xack("x", "g", "1-1"));
    step("xpending", () -> db.xpending("x", "g").getConsumerMessageCount());
    step("xclaim", () -> db.xclaim("x", bob, 0, "2-1"));
    step("xautoclaim", () ->
        db.xautoclaim("x", XAutoClaimArgs.Builder.xautoclaim(bob, Duration.ZERO, "0")).getMessages());
    step("xdel", () -> db.xdel("x", "2-1"));
    step("xtrim", () -> db.xtrim("x", 3));
    step("xinfoGroups", () -> db.xinfoGroups("x"));
    step("xgroupDestroy", () -> db.xgroupDestroy("x", "g"));
    whileWaiting("xread", () -> db.xread(XReadArgs.Builder.block(20_000), StreamOffset.latest("y")),
        other -> other.xadd("y", new XAddArgs().id("9-9"), Map.of("k", "v")));
    step("xreadgroup", () -> db.xreadgroup(ann, StreamOffset.lastConsumed("y")));
    whileWaiting("xreadgroup", () ->
        db.xreadgroup(ann, XReadArgs.Builder.block(20_000), StreamOffset.lastConsumed("y")),
        other -> other.xadd("y", new XAddArgs().id("9-10"), Map.of("k", "w")));
  }

  private void scripts() {
    String[] key = {"k"};
    step("eval", () -> db.eval("return {1, 'two', redis.call('SET', KEYS[1], ARGV[1]), false}",
        ScriptOutputType.MULTI, key, "v"));
    step("eval", () -> db.eval("return redis.call('HGETALL', KEYS[1])", ScriptOutputType.MULTI, "none"));
    step("eval", () -> db.eval("return redis.error_reply('MINE words')", ScriptOutputType.VALUE));
    step("eval", () -> db.eval("return redis.call('INCR', KEYS[1])", ScriptOutputType.INTEGER, key));
    step("eval", () -> db.eval("return 1 == 1", ScriptOutputType.BOOLEAN));
    step("evalsha", () -> db.evalsha("0".repeat(40), ScriptOutputType.STATUS));
    String sha = db.scriptLoad("return #KEYS");
    step("evalsha", () -> List.of(sha, (Object) db.evalsha(sha, ScriptOutputType.INTEGER, "a", "b")));
    step("scriptExists", () -> db.scriptExists(sha, "0".repeat(40)));
    step("scriptFlush", db::scriptFlush);
  }
}
