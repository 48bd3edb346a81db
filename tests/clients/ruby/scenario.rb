# frozen_string_literal: true

# The scenario with redis-rb: `scenario.rb CLIENT PORT PROTOCOL SECTION…`. Version 4 speaks RESP2.

require "json"
require "redis"
require "set"

ALL_BYTES = (0..255).to_a.pack("C*").freeze

# Plays the sections; `step` calls a method of the client and prints what came back.
class Scenario
  def initialize(port)
    @options = { host: "127.0.0.1", port: port, timeout: 30 }
    @db = connect(id: "scenario")
  end

  def connect(**more)
    Redis.new(**@options, **more)
  end

  def play(section)
    @section = section
    @db.flushall
    public_send(section)
  end

  def say(name, reply)
    shown = plain(reply)
    shown = [shown.size, shown[0, 100], shown[-100, 100]] if shown.is_a?(String) && shown.size > 1000
    puts JSON.generate([@section, name, shown])
  end

  def step(name, *arguments, on: @db, **named)
    reply = begin
      named.empty? ? on.public_send(name, *arguments) : on.public_send(name, *arguments, **named)
    rescue Redis::BaseError => e
      e
    end
    reply = reply.sort if %i[smembers sinter sunion sdiff keys].include?(name)
    say(name, reply)
    reply
  end

  def plain(value)
    case value
    when String
      bytes = value.b
      bytes.match?(/\A[ -~]*\z/n) ? value : "hex #{bytes.unpack1('H*')}"
    when Exception then { "error" => "#{value.class}: #{value.message}" }
    when Array then value.map { |item| plain(item) }
    when Hash then value.map { |key, item| [plain(key).to_s, plain(item)] }.sort.to_h
    when Float then value.finite? ? value : value.to_s
    else value
    end
  end

  def server
    step(:ping)
    step(:echo, "hello")
    step(:client, :setname, "other")
    step(:client, :getname)
    step(:config, :set, "maxmemory-samples", 7)
    step(:config, :get, "maxmemory-s*")
    step(:config, :set, "maxmemory-samples", 5)
    step(:dbsize)
    say("info", @db.info.key?("redis_version"))
    say("time", @db.time.size)
    third = connect(db: 3)
    step(:set, "k", "in 3", on: third)
    step(:move, "k", 0, on: third)
    step(:get, "k")
    step(:call, %w[SWAPDB 0 3])
    step(:get, "k", on: third)
    step(:flushdb, on: third)
    third.close
  end

  def strings
    step(:set, "s", "value")
    step(:set, "s", "other", nx: true)
    step(:set, "s", "third", get: true, ex: 100)
    step(:get, "s")
    step(:ttl, "s")
    step(:get, "missing")
    step(:append, "s", "!")
    step(:getrange, "s", 1, -2)
    step(:setrange, "s", 8, "padded")
    step(:incr, "n")
    step(:incrby, "n", 41)
    step(:decr, "n")
    step(:incrbyfloat, "f", 1.25)
    step(:mset, "a", 1, "b", 2)
    step(:mapped_mget, "a", "missing", "b")
    step(:msetnx, "a", 3, "c", 4)
    step(:getdel, "a")
    step(:getex, "b", ex: 50)
    step(:getset, "b", "new")
    step(:setex, "e", 30, "v")
    step(:setnx, "e", "v")
    step(:call, %w[LCS s b IDX WITHMATCHLEN])
  end

  def binary
    step(:set, ALL_BYTES, ALL_BYTES)
    step(:get, ALL_BYTES)
    step(:set, "", "")
    step(:get, "")
    step(:set, "crlf", "a\r\nb\r\n")
    step(:get, "crlf")
    step(:set, "big", ALL_BYTES * 4096)
    step(:get, "big")
    step(:hset, "h", ALL_BYTES, "\0\r\n")
    step(:hgetall, "h")
    step(:rpush, "l", [ALL_BYTES, "", "\0"])
    step(:lrange, "l", 0, -1)
    step(:set, "utf8", "grüße €")
    step(:get, "utf8")
  end

  def keys
    step(:set, "k", "v")
    step(:exists, "k", "k", "none")
    step(:exists?, "none")
    step(:type, "k")
    step(:object, :encoding, "k")
    step(:object, :refcount, "none")
    step(:expire, "k", 100)
    step(:call, %w[EXPIRE k 50 GT])
    step(:persist, "k")
    step(:pttl, "none")
    step(:pexpireat, "k", 99_999_999_999_000)
    step(:rename, "k", "k2")
    step(:rename, "none", "k")
    step(:copy, "k2", "k4")
    step(:keys, "k*")
    step(:del, "k2", "none")
    step(:unlink, "k4")
    step(:randomkey)
    step(:rpush, "l", [3, 1, 2])
    step(:sort, "l", order: "DESC")
    step(:sort, "l", by: "w_*", get: ["#", "v_*"])
    step(:sort, "l", order: "ALPHA", store: "sorted")
    step(:lrange, "sorted", 0, -1)
    dumped = @db.dump("l")
    step(:restore, "m", 0, dumped)
    step(:restore, "m", 0, dumped)
    step(:restore, "m", 0, dumped, replace: true)
  end

  def hashes
    step(:hset, "h", { "f" => "v", "a" => 1, "b" => 2.5 })
    step(:hget, "h", "f")
    step(:mapped_hmget, "h", "a", "none")
    step(:hgetall, "h")
    step(:hgetall, "none")
    step(:hincrby, "h", "a", 9)
    step(:hincrbyfloat, "h", "b", 0.25)
    step(:hdel, "h", %w[f none])
    step(:hexists, "h", "a")
    step(:hkeys, "h")
    step(:hvals, "h")
    step(:hrandfield, "h", 2, withvalues: true)
    step(:hrandfield, "none")
  end

  def lists
    step(:rpush, "l", %w[a b c d b])
    step(:lpush, "l", "z")
    step(:lrange, "l", 0, -1)
    step(:lindex, "l", 99)
    step(:call, %w[LPOS l b])
    step(:linsert, "l", "BEFORE", "c", "bc")
    step(:lset, "l", 99, "y")
    step(:lrem, "l", -1, "b")
    step(:lmove, "l", "m", "LEFT", "RIGHT")
    step(:call, %w[LMPOP 2 none l LEFT COUNT 2])
    step(:call, %w[LMPOP 1 none LEFT])
    step(:lpop, "l", 2)
    step(:lpop, "none")
    step(:lpop, "none", 2)
    step(:rpoplpush, "l", "m")
  end

  def sets
    step(:sadd, "s", %w[a b c a])
    step(:sadd?, "s", "a")
    step(:sadd, "t", %w[b c d])
    step(:smembers, "s")
    step(:smismember, "s", "a", "none")
    step(:sinter, "s", "t")
    step(:sunion, "s", "t")
    step(:sdiff, "s", "t")
    step(:sinterstore, "u", "s", "t")
    step(:smove, "s", "t", "a")
    step(:spop, "none")
    step(:spop, "none", 2)
    step(:srandmember, "none")
  end

  def sorted_sets
    step(:zadd, "z", [[1, "a"], [2.5, "b"], [3, "c"]])
    step(:zadd, "z", 5, "a", gt: true, ch: true)
    step(:zadd, "z", 1, "a", incr: true)
    step(:zadd, "z", 1, "a", incr: true, xx: true, lt: true)
    step(:zincrby, "z", 0.5, "b")
    step(:zscore, "z", "a")
    step(:zscore, "z", "none")
    step(:zmscore, "z", "a", "none")
    step(:zrange, "z", 0, -1, with_scores: true)
    step(:zrange, "z", "(2", "+inf", by_score: true, limit: [0, 1])
    step(:zrevrange, "z", 0, 0, with_scores: true)
    step(:zrangebyscore, "z", "-inf", 3, with_scores: true)
    step(:zrank, "z", "none")
    step(:zadd, "lex", [[0, "a"], [0, "b"], [0, "c"]])
    step(:zrangebylex, "lex", "[b", "+")
    step(:zunion, "z", "lex", with_scores: true)
    step(:zinter, "z", "lex", aggregate: "MAX", with_scores: true)
    step(:zdiff, "z", "lex", with_scores: true)
    step(:zunionstore, "u", %w[z lex], weights: [2, 3])
    step(:call, %w[ZMPOP 2 none u MIN COUNT 2])
    step(:zpopmin, "z")
    step(:zpopmax, "z", 2)
    step(:zpopmin, "z")
    step(:zadd, "inf", [["-inf", "m"], ["+inf", "p"], [1e300, "t"], [0.1, "s"]])
    step(:zrange, "inf", 0, -1, with_scores: true)
  end

  def bits
    step(:setbit, "b", 7, 1)
    step(:bitcount, "b")
    step(:bitpos, "b", 1)
    step(:bitop, "NOT", "nb", "b")
    step(:call, %w[BITFIELD b SET u8 0 200 OVERFLOW FAIL INCRBY u8 0 100])
    step(:pfadd, "p", (1..100).to_a)
    step(:pfcount, "p")
    step(:geoadd, "g", 13.361389, 38.115556, "Palermo", 15.087269, 37.502669, "Catania")
    step(:geodist, "g", "Palermo", "Catania", "km")
    step(:geopos, "g", %w[Palermo none])
    step(:geohash, "g", %w[Palermo none])
    step(:georadius, "g", 15, 37, 200, "km", sort: "ASC", options: :WITHDIST)
  end

  def errors
    step(:set, "s", "text")
    step(:lpush, "s", "x")
    step(:incr, "s")
    step(:call, %w[NOSUCH a b])
    step(:call, %w[GET])
    step(:call, %w[CLIENT NOSUCH])
    step(:config, :set, "nosuch", 1)
    step(:setrange, "s", -1, "x")
    step(:select, 9999)
    step(:auth, "wrong")
    step(:ping)
  end

  def pipeline
    replies = @db.pipelined do |pipe|
      1000.times do |number|
        pipe.set("p:#{number}", number)
        pipe.incr("p:#{number}")
        pipe.get("p:#{number}")
      end
    end
    say("pipeline", replies)
    future = nil
    @db.pipelined { |pipe| future = pipe.hgetall("none") }
    say("future", future.value)
    begin
      @db.pipelined do |pipe|
        pipe.set("p", "v")
        pipe.lpush("p", "x")
      end
    rescue Redis::CommandError => e
      say("error", e)
    end
  end

  def transactions
    done = @db.multi do |transaction|
      transaction.set("t", 1)
      transaction.incr("t")
      transaction.zadd("z", 1.5, "m")
      transaction.zrange("z", 0, -1, with_scores: true)
    end
    say("exec", done)
    begin
      @db.multi do |transaction|
        transaction.set("t", "v")
        transaction.incr("t")
      end
    rescue Redis::CommandError => e
      say("error", e)
    end
    lost = @db.watch("t") do
      connect.set("t", "changed")
      @db.multi { |transaction| transaction.set("t", "lost") }
    end
    say("lost", lost)
    step(:unwatch)
    begin
      @db.multi { |transaction| transaction.call("SET", "t") }
    rescue Redis::CommandError => e
      say("refused", e)
    end
    step(:get, "t")
  end

  def pubsub
    heard = Queue.new
    listener = connect
    thread = Thread.new do
      listener.subscribe("a", "b") do |on|
        on.subscribe { |channel, count| heard << [:subscribe, channel, count] }
        on.unsubscribe { |channel, count| heard << [:unsubscribe, channel, count] }
        on.message do |channel, message|
          heard << [:message, channel, message]
          listener.unsubscribe("a", "b") if message == "end"
        end
      end
    end
    hear = ->(count) { count.times { say("heard", heard.pop) } }
    hear.call(2)
    step(:publish, "a", ALL_BYTES)
    hear.call(1)
    say("channels", @db.pubsub(:channels).sort)
    step(:pubsub, :numsub, "a", "c")
    step(:publish, "b", "end")
    hear.call(3)
    thread.join
    step(:get, "none", on: listener)
    step(:config, :set, "notify-keyspace-events", "KEA")
    thread = Thread.new do
      listener.psubscribe("__key*__:*") do |on|
        on.psubscribe { |pattern, count| heard << [:psubscribe, pattern, count] }
        on.pmessage do |pattern, channel, message|
          heard << [:pmessage, pattern, channel, message]
          listener.punsubscribe if message == "del"
        end
      end
    end
    hear.call(1)
    step(:set, "e", "v", ex: 100)
    hear.call(4)
    step(:del, "e")
    hear.call(2)
    thread.join
    step(:config, :set, "notify-keyspace-events", "")
    listener.close
  end

  # Calls a method that waits and, once it does, the block with another connection.
  def while_waiting(name, *arguments, **named)
    thread = Thread.new do
      other = connect
      Thread.pass until other.info("clients")["blocked_clients"] != "0"
      yield other
      other.close
    end
    step(name, *arguments, **named)
    thread.join
  end

  def blocking
    step(:rpush, "l", "a")
    step(:blpop, %w[none l], timeout: 1)
    step(:blpop, "none", timeout: 0.05)
    while_waiting(:blpop, %w[l m], timeout: 20) { |other| other.rpush("m", %w[x y]) }
    while_waiting(:blmove, "q", "r", "LEFT", "RIGHT", timeout: 20) { |o| o.lpush("q", "moved") }
    while_waiting(:brpoplpush, "q", "r", timeout: 20) { |other| other.lpush("q", "m") }
    while_waiting(:bzpopmin, "z", timeout: 20) { |other| other.zadd("z", 1.5, "m") }
    while_waiting(:call, %w[BLMPOP 20 2 o n LEFT COUNT 2]) { |o| o.rpush("n", %w[p q]) }
    while_waiting(:call, %w[BZMPOP 20 1 z MIN]) { |other| other.zadd("z", 3, "m") }
  end

  def scan
    1000.times.each_slice(100) do |numbers|
      @db.pipelined do |pipe|
        numbers.each do |number|
          pipe.set("scan:#{number}", number)
          pipe.hset("scan:h", "m#{number}", number)
          pipe.sadd("scan:s", [number])
          pipe.zadd("scan:z", number, "m#{number}")
        end
      end
    end
    say("scan", @db.scan_each(match: "scan:*", count: 50).to_set.sort)
    say("scan type", @db.scan_each(match: "scan:*", type: "hash").to_set.sort)
    say("hscan", @db.hscan_each("scan:h", match: "m9*").to_set.sort)
    say("sscan", @db.sscan_each("scan:s", count: 100).to_set.sort)
    say("zscan", @db.zscan_each("scan:z", match: "m99*").to_set.sort)
  end

  def streams
    (1..5).each { |number| step(:xadd, "x", { "n" => number, "b" => ALL_BYTES }, id: "#{number}-1") }
    step(:xadd, "x", { "n" => 0 }, id: "1-1")
    step(:xlen, "x")
    step(:xrange, "x", "2", "4", count: 2)
    step(:xrevrange, "x", "+", "-", count: 1)
    step(:xread, "x", "3-1", count: 1)
    step(:xread, "x", "$", block: 20)
    step(:xgroup, :create, "x", "g", "0")
    step(:xgroup, :create, "x", "g", "0")
    step(:xgroup, :create, "y", "g", "$", mkstream: true)
    step(:xreadgroup, "g", "ann", "x", ">", count: 3)
    step(:xack, "x", "g", "1-1")
    step(:xpending, "x", "g")
    step(:xclaim, "x", "g", "bob", 0, "2-1")
    step(:xautoclaim, "x", "g", "bob", 0, "0")
    step(:xreadgroup, "none", "bob", "x", ">")
    step(:xdel, "x", "2-1")
    step(:xtrim, "x", 3)
    step(:xinfo, :groups, "x")
    step(:xgroup, :delconsumer, "x", "g", "bob")
    step(:xgroup, :destroy, "x", "g")
    while_waiting(:xread, "y", "$", block: 20_000) { |other| other.xadd("y", { "k" => "v" }, id: "9-9") }
    step(:xreadgroup, "g", "ann", "y", ">")
    while_waiting(:xreadgroup, "g", "ann", "y", ">", block: 20_000) do |other|
      other.xadd("y", { "k" => "w" }, id: "9-10")
    end
  end

  def scripts
    step(:eval, "return {1, 'two', redis.call('SET', KEYS[1], ARGV[1]), false}", ["k"], ["v"])
    step(:eval, "return ARGV[1]", [], [ALL_BYTES])
    step(:eval, "return redis.call('HGETALL', KEYS[1])", ["none"])
    step(:eval, "return redis.error_reply('MINE words')")
    step(:eval, "return redis.call('INCR', KEYS[1])", ["k"])
    step(:evalsha, "0" * 40)
    sha = step(:script, :load, "return #KEYS")
    step(:evalsha, sha, %w[a b])
    step(:script, :exists, [sha, "0" * 40])
    step(:script, :flush)
  end
end

_client, port, _protocol, *sections = ARGV
scenario = Scenario.new(port.to_i)
sections.each { |section| scenario.play(section) }
