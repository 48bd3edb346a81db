// The scenario with go-redis: `scenario CLIENT PORT PROTOCOL SECTION…`.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

var (
	ctx      = context.Background()
	port     string
	protocol int
	db       *redis.Client
	allBytes = func() string {
		bytes := make([]byte, 256)
		for index := range bytes {
			bytes[index] = byte(index)
		}
		return string(bytes)
	}()
)

var sections = map[string]func(){
	"server": server, "strings": strings_, "binary": binary, "keys": keys, "hashes": hashes,
	"lists": lists, "sets": sets, "sorted_sets": sortedSets, "bits": bits, "errors": errors_,
	"pipeline": pipeline, "transactions": transactions, "pubsub": pubsub, "blocking": blocking,
	"scan": scan, "streams": streams, "scripts": scripts,
}

func connect(database int) *redis.Client {
	return redis.NewClient(&redis.Options{
		Addr: "127.0.0.1:" + port, Protocol: protocol, ClientName: "scenario", DB: database,
		ReadTimeout: 30 * time.Second,
	})
}

func main() {
	port = os.Args[2]
	protocol, _ = strconv.Atoi(os.Args[3])
	db = connect(0)
	defer db.Close()
	for _, section = range os.Args[4:] {
		if err := db.FlushAll(ctx).Err(); err != nil {
			panic(err)
		}
		sections[section]()
	}
}

func server() {
	do(db.Ping(ctx))
	do(db.Echo(ctx, "hello"))
	do(db.ClientGetName(ctx))
	do(db.ConfigSet(ctx, "maxmemory-samples", "7"))
	do(db.ConfigGet(ctx, "maxmemory-s*"))
	do(db.ConfigSet(ctx, "maxmemory-samples", "5"))
	do(db.DBSize(ctx))
	do(db.CommandGetKeys(ctx, "MSET", "a", 1, "b", 2))
	info, err := db.Info(ctx, "server").Result()
	say("info", strings.Contains(info, "redis_version:"), err)
	_, err = db.Time(ctx).Result()
	say("time", nil, err)
	commands, err := db.Command(ctx).Result()
	say("command", []any{commands["get"].Arity, commands["mset"].StepCount}, err)
	third := connect(3)
	defer third.Close()
	do(third.Set(ctx, "k", "in 3", 0))
	do(third.Move(ctx, "k", 0))
	do(db.Get(ctx, "k"))
	do(db.Do(ctx, "SWAPDB", 0, 3))
	do(third.Get(ctx, "k"))
	do(third.FlushDB(ctx))
}

func strings_() {
	do(db.Set(ctx, "s", "value", 0))
	do(db.SetNX(ctx, "s", "other", 0))
	do(db.SetArgs(ctx, "s", "third", redis.SetArgs{Get: true, TTL: 100 * time.Second}))
	do(db.Get(ctx, "s"))
	do(db.TTL(ctx, "s"))
	do(db.Get(ctx, "missing"))
	do(db.Append(ctx, "s", "!"))
	do(db.GetRange(ctx, "s", 1, -2))
	do(db.SetRange(ctx, "s", 8, "padded"))
	do(db.Incr(ctx, "n"))
	do(db.IncrBy(ctx, "n", 41))
	do(db.Decr(ctx, "n"))
	do(db.IncrByFloat(ctx, "f", 1.25))
	do(db.MSet(ctx, "a", 1, "b", 2))
	do(db.MGet(ctx, "a", "missing", "b"))
	do(db.MSetNX(ctx, "a", 3, "c", 4))
	do(db.GetDel(ctx, "a"))
	do(db.GetEx(ctx, "b", 50*time.Second))
	do(db.GetSet(ctx, "b", "new"))
	do(db.SetXX(ctx, "s", "v", redis.KeepTTL))
	do(db.StrLen(ctx, "s"))
	do(db.LCS(ctx, &redis.LCSQuery{Key1: "s", Key2: "b", Idx: true, WithMatchLen: true}))
}

func binary() {
	do(db.Set(ctx, allBytes, allBytes, 0))
	do(db.Get(ctx, allBytes))
	do(db.Set(ctx, "", "", 0))
	do(db.Get(ctx, ""))
	do(db.Set(ctx, "crlf", "a\r\nb\r\n", 0))
	do(db.Get(ctx, "crlf"))
	do(db.Set(ctx, "big", strings.Repeat(allBytes, 4096), 0))
	do(db.Get(ctx, "big"))
	do(db.HSet(ctx, "h", allBytes, "\x00\r\n", "", allBytes))
	do(db.HGetAll(ctx, "h"))
	do(db.RPush(ctx, "l", allBytes, "", "\x00"))
	do(db.LRange(ctx, "l", 0, -1))
	do(db.Set(ctx, "utf8", "grüße €", 0))
	do(db.Get(ctx, "utf8"))
}

func keys() {
	do(db.Set(ctx, "k", "v", 0))
	do(db.Exists(ctx, "k", "k", "none"))
	do(db.Type(ctx, "k"))
	do(db.ObjectEncoding(ctx, "k"))
	do(db.ObjectRefCount(ctx, "none"))
	do(db.Expire(ctx, "k", 100*time.Second))
	do(db.ExpireGT(ctx, "k", 50*time.Second))
	do(db.Persist(ctx, "k"))
	do(db.PTTL(ctx, "k"))
	do(db.PTTL(ctx, "none"))
	do(db.PExpireAt(ctx, "k", time.UnixMilli(99999999999000)))
	do(db.ExpireTime(ctx, "k"))
	do(db.Rename(ctx, "k", "k2"))
	do(db.Rename(ctx, "none", "k"))
	do(db.Copy(ctx, "k2", "k4", 0, false))
	unordered(db.Keys(ctx, "k*"))
	do(db.Del(ctx, "k2", "none"))
	do(db.Unlink(ctx, "k4"))
	do(db.RandomKey(ctx))
	do(db.RPush(ctx, "l", 3, 1, 2))
	do(db.Sort(ctx, "l", &redis.Sort{Order: "DESC"}))
	do(db.SortInterfaces(ctx, "l", &redis.Sort{By: "w_*", Get: []string{"#", "v_*"}}))
	do(db.SortStore(ctx, "l", "sorted", &redis.Sort{Alpha: true}))
	do(db.Set(ctx, "d", allBytes, 0))
	dumped := db.Dump(ctx, "d").Val()
	do(db.Restore(ctx, "e", 0, dumped))
	do(db.Restore(ctx, "e", 0, dumped))
	do(db.Get(ctx, "e"))
}

func hashes() {
	do(db.HSet(ctx, "h", map[string]any{"f": "v", "a": 1, "b": 2.5}))
	do(db.HGet(ctx, "h", "f"))
	do(db.HMGet(ctx, "h", "a", "none"))
	do(db.HGetAll(ctx, "h"))
	do(db.HGetAll(ctx, "none"))
	do(db.HIncrBy(ctx, "h", "a", 9))
	do(db.HIncrByFloat(ctx, "h", "b", 0.25))
	do(db.HDel(ctx, "h", "f", "none"))
	do(db.HExists(ctx, "h", "a"))
	unordered(db.HKeys(ctx, "h"))
	unordered(db.HVals(ctx, "h"))
	pairs, err := db.HRandFieldWithValues(ctx, "h", 2).Result()
	say("hrandfield", len(pairs), err)
	do(db.HRandField(ctx, "none", 1))
	var scanned struct {
		A int     `redis:"a"`
		B float64 `redis:"b"`
	}
	err = db.HGetAll(ctx, "h").Scan(&scanned)
	say("scan into a struct", []any{scanned.A, scanned.B}, err)
}

func lists() {
	do(db.RPush(ctx, "l", "a", "b", "c", "d", "b"))
	do(db.LPush(ctx, "l", "z"))
	do(db.LRange(ctx, "l", 0, -1))
	do(db.LIndex(ctx, "l", 99))
	do(db.LPos(ctx, "l", "b", redis.LPosArgs{}))
	do(db.LPosCount(ctx, "l", "b", 0, redis.LPosArgs{}))
	do(db.LInsertBefore(ctx, "l", "c", "bc"))
	do(db.LSet(ctx, "l", 99, "y"))
	do(db.LRem(ctx, "l", -1, "b"))
	do(db.LMove(ctx, "l", "m", "LEFT", "RIGHT"))
	key, values, err := db.LMPop(ctx, "left", 2, "none", "l").Result()
	say("lmpop", []any{key, plain(values)}, err)
	_, _, err = db.LMPop(ctx, "left", 2, "none").Result()
	say("lmpop", nil, err)
	do(db.LPopCount(ctx, "l", 2))
	do(db.LPop(ctx, "none"))
	do(db.LPopCount(ctx, "none", 2))
	do(db.RPopLPush(ctx, "l", "m"))
}

func sets() {
	do(db.SAdd(ctx, "s", "a", "b", "c", "a"))
	do(db.SAdd(ctx, "t", "b", "c", "d"))
	unordered(db.SMembers(ctx, "s"))
	do(db.SMIsMember(ctx, "s", "a", "none"))
	unordered(db.SInter(ctx, "s", "t"))
	unordered(db.SUnion(ctx, "s", "t"))
	unordered(db.SDiff(ctx, "s", "t"))
	do(db.SInterCard(ctx, 1, "s", "t"))
	do(db.SInterStore(ctx, "u", "s", "t"))
	do(db.SMove(ctx, "s", "t", "a"))
	do(db.SPop(ctx, "none"))
	do(db.SPopN(ctx, "none", 2))
	do(db.SRandMember(ctx, "none"))
}

func sortedSets() {
	do(db.ZAdd(ctx, "z", redis.Z{Score: 1, Member: "a"}, redis.Z{Score: 2.5, Member: "b"},
		redis.Z{Score: 3, Member: "c"}))
	do(db.ZAddArgs(ctx, "z", redis.ZAddArgs{GT: true, Ch: true,
		Members: []redis.Z{{Score: 5, Member: "a"}}}))
	do(db.ZAddArgsIncr(ctx, "z", redis.ZAddArgs{Members: []redis.Z{{Score: 1, Member: "a"}}}))
	do(db.ZAddArgsIncr(ctx, "z", redis.ZAddArgs{XX: true, LT: true,
		Members: []redis.Z{{Score: 1, Member: "a"}}}))
	do(db.ZIncrBy(ctx, "z", 0.5, "b"))
	do(db.ZScore(ctx, "z", "a"))
	do(db.ZScore(ctx, "z", "none"))
	do(db.ZMScore(ctx, "z", "a", "none"))
	do(db.ZRangeWithScores(ctx, "z", 0, -1))
	do(db.ZRangeArgs(ctx, redis.ZRangeArgs{Key: "z", Start: "(2", Stop: "+inf", ByScore: true,
		Count: 1}))
	do(db.ZRevRangeWithScores(ctx, "z", 0, 0))
	do(db.ZRangeByScoreWithScores(ctx, "z", &redis.ZRangeBy{Min: "-inf", Max: "3"}))
	do(db.ZRank(ctx, "z", "none"))
	do(db.ZAdd(ctx, "lex", redis.Z{Member: "a"}, redis.Z{Member: "b"}, redis.Z{Member: "c"}))
	do(db.ZRangeByLex(ctx, "lex", &redis.ZRangeBy{Min: "[b", Max: "+"}))
	both := redis.ZStore{Keys: []string{"z", "lex"}, Aggregate: "MAX"}
	do(db.ZUnionWithScores(ctx, both))
	do(db.ZInterWithScores(ctx, &both))
	do(db.ZDiffWithScores(ctx, "z", "lex"))
	do(db.ZUnionStore(ctx, "u", &redis.ZStore{Keys: []string{"z", "lex"},
		Weights: []float64{2, 3}}))
	key, members, err := db.ZMPop(ctx, "min", 2, "none", "u").Result()
	say("zmpop", []any{key, plain(members)}, err)
	do(db.ZPopMin(ctx, "z"))
	do(db.ZPopMax(ctx, "z", 2))
	do(db.ZPopMin(ctx, "z"))
	for member, score := range map[string]string{"m": "-inf", "p": "+inf", "t": "1e300", "s": "0.1"} {
		db.Do(ctx, "ZADD", "inf", score, member)
	}
	do(db.ZRangeWithScores(ctx, "inf", 0, -1))
}

func bits() {
	do(db.SetBit(ctx, "b", 7, 1))
	do(db.BitCount(ctx, "b", nil))
	do(db.BitPos(ctx, "b", 1))
	do(db.BitOpNot(ctx, "nb", "b"))
	fields, err := db.BitField(ctx, "b", "SET", "u8", 0, 200, "INCRBY", "u8", 0, 100).Result()
	say("bitfield", fields, err)
	do(db.PFAdd(ctx, "p", "a", "b", "c"))
	do(db.PFCount(ctx, "p"))
	do(db.GeoAdd(ctx, "g",
		&redis.GeoLocation{Name: "Palermo", Longitude: 13.361389, Latitude: 38.115556},
		&redis.GeoLocation{Name: "Catania", Longitude: 15.087269, Latitude: 37.502669}))
	do(db.GeoDist(ctx, "g", "Palermo", "Catania", "km"))
	do(db.GeoPos(ctx, "g", "Palermo", "none"))
	do(db.GeoHash(ctx, "g", "Palermo", "none"))
	query := redis.GeoSearchQuery{Longitude: 15, Latitude: 37, Radius: 200, RadiusUnit: "km",
		Sort: "ASC"}
	found, err := db.GeoSearchLocation(ctx, "g", &redis.GeoSearchLocationQuery{
		GeoSearchQuery: query, WithCoord: true, WithDist: true, WithHash: true}).Result()
	say("geosearch", found, err)
}

func errors_() {
	do(db.Set(ctx, "s", "text", 0))
	do(db.LPush(ctx, "s", "x"))
	do(db.Incr(ctx, "s"))
	do(db.Do(ctx, "NOSUCH", "a", "b"))
	do(db.Do(ctx, "GET"))
	do(db.Do(ctx, "CLIENT", "NOSUCH"))
	do(db.ConfigSet(ctx, "nosuch", "1"))
	do(db.SetRange(ctx, "s", -1, "x"))
	do(db.Do(ctx, "SELECT", 9999))
	do(db.ObjectEncoding(ctx, "none"))
	wrong := redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + port, Protocol: protocol,
		Password: "wrong"})
	defer wrong.Close()
	do(wrong.Ping(ctx))
	do(db.Ping(ctx))
}

// replies shows what the commands of a pipeline or transaction returned.
func replies(commands []redis.Cmder) []any {
	shown := []any{}
	for _, command := range commands {
		shown = append(shown, fmt.Sprint(command))
	}
	return shown
}

func pipeline() {
	commands, err := db.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for number := 0; number < 1000; number++ {
			key := fmt.Sprint("p:", number)
			pipe.Set(ctx, key, number, 0)
			pipe.Incr(ctx, key)
			pipe.Get(ctx, key)
		}
		return nil
	})
	say("pipeline", replies(commands), err)
	commands, err = db.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.Set(ctx, "p", "v", 0)
		pipe.LPush(ctx, "p", "x")
		pipe.HGetAll(ctx, "none")
		return nil
	})
	say("errors", []any{replies(commands), plain(err)}, nil)
}

func transactions() {
	commands, err := db.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.Set(ctx, "t", 1, 0)
		pipe.Incr(ctx, "t")
		pipe.ZAdd(ctx, "z", redis.Z{Score: 1.5, Member: "m"})
		pipe.ZRangeWithScores(ctx, "z", 0, -1)
		return nil
	})
	say("exec", replies(commands), err)
	commands, err = db.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.Set(ctx, "t", "v", 0)
		pipe.Incr(ctx, "t")
		pipe.Get(ctx, "t")
		return nil
	})
	say("error", []any{replies(commands), plain(err)}, nil)
	err = db.Watch(ctx, func(tx *redis.Tx) error {
		db.Set(ctx, "t", "changed", 0)
		_, err := tx.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
			return pipe.Set(ctx, "t", "lost", 0).Err()
		})
		return err
	}, "t")
	say("watch", nil, err)
	commands, err = db.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.Do(ctx, "SET", "t")
		return nil
	})
	say("refused", []any{replies(commands), plain(err)}, nil)
	do(db.Get(ctx, "t"))
}

func pubsub() {
	listener := db.Subscribe(ctx, "a", "b")
	defer listener.Close()
	hear := func(count int) {
		for ; count > 0; count-- {
			message, err := listener.ReceiveTimeout(ctx, 20*time.Second)
			say("heard", message, err)
		}
	}
	hear(2)
	say("psubscribe", nil, listener.PSubscribe(ctx, "a*"))
	hear(1)
	do(db.Publish(ctx, "a", allBytes))
	hear(2)
	unordered(db.PubSubChannels(ctx, "*"))
	numbers, err := db.PubSubNumSub(ctx, "a", "c").Result()
	say("pubsub numsub", []any{numbers["a"], numbers["c"]}, err)
	say("ssubscribe", nil, listener.SSubscribe(ctx, "s"))
	hear(1)
	do(db.SPublish(ctx, "s", "sharded"))
	hear(1)
	say("unsubscribe", nil, listener.Unsubscribe(ctx, "a"))
	hear(1)
	say("ping", nil, listener.Ping(ctx, "still there"))
	pong, err := listener.ReceiveTimeout(ctx, 20*time.Second)
	say("heard", fmt.Sprint(pong), err)
	do(db.ConfigSet(ctx, "notify-keyspace-events", "KEA"))
	events := db.PSubscribe(ctx, "__key*__:*")
	defer events.Close()
	if _, err := events.Receive(ctx); err != nil {
		panic(err)
	}
	db.Set(ctx, "e", "v", 100*time.Second)
	for count := 0; count < 4; count++ {
		message, err := events.ReceiveMessage(ctx)
		say("heard", message, err)
	}
	do(db.ConfigSet(ctx, "notify-keyspace-events", ""))
}

// whileWaiting runs a call that waits and, once it does, `then` from another connection.
func whileWaiting(wait func(), then func(other *redis.Client)) {
	done := make(chan bool)
	go func() {
		wait()
		done <- true
	}()
	other := connect(0)
	defer other.Close()
	for strings.Contains(other.Info(ctx, "clients").Val(), "blocked_clients:0") {
		time.Sleep(time.Millisecond)
	}
	then(other)
	<-done
}

func blocking() {
	wait := 20 * time.Second
	do(db.RPush(ctx, "l", "a"))
	do(db.BLPop(ctx, time.Second, "none", "l"))
	do(db.Do(ctx, "BLPOP", "none", 0.05))
	whileWaiting(func() { do(db.BLPop(ctx, wait, "l", "m")) },
		func(other *redis.Client) { other.RPush(ctx, "m", "x", "y") })
	whileWaiting(func() { do(db.BLMove(ctx, "q", "r", "LEFT", "RIGHT", wait)) },
		func(other *redis.Client) { other.LPush(ctx, "q", "moved") })
	whileWaiting(func() {
		popped, err := db.BZPopMin(ctx, wait, "z").Result()
		say("bzpopmin", fmt.Sprint(popped), err)
	}, func(other *redis.Client) { other.ZAdd(ctx, "z", redis.Z{Score: 1.5, Member: "m"}) })
	whileWaiting(func() {
		key, values, err := db.BLMPop(ctx, wait, "left", 2, "o", "n").Result()
		say("blmpop", []any{key, plain(values)}, err)
	}, func(other *redis.Client) { other.RPush(ctx, "n", "p", "q") })
	whileWaiting(func() {
		key, members, err := db.BZMPop(ctx, wait, "min", 1, "z").Result()
		say("bzmpop", []any{key, plain(members)}, err)
	}, func(other *redis.Client) { other.ZAdd(ctx, "z", redis.Z{Score: 3, Member: "m"}) })
}

// scanned collects an iterator's items, sorted, each once.
func scanned(step string, iterator *redis.ScanIterator, pairs bool) {
	found := map[string]bool{}
	for iterator.Next(ctx) {
		item := iterator.Val()
		if pairs {
			iterator.Next(ctx)
			item += "=" + iterator.Val()
		}
		found[item] = true
	}
	say(step, found, iterator.Err())
}

func scan() {
	for number := 0; number < 1000; number++ {
		name := fmt.Sprint("m", number)
		_, err := db.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			pipe.Set(ctx, fmt.Sprint("scan:", number), number, 0)
			pipe.HSet(ctx, "scan:h", name, number)
			pipe.SAdd(ctx, "scan:s", number)
			pipe.ZAdd(ctx, "scan:z", redis.Z{Score: float64(number), Member: name})
			return nil
		})
		if err != nil {
			panic(err)
		}
	}
	scanned("scan", db.Scan(ctx, 0, "scan:*", 50).Iterator(), false)
	scanned("scan type", db.ScanType(ctx, 0, "scan:*", 10, "hash").Iterator(), false)
	scanned("hscan", db.HScan(ctx, "scan:h", 0, "m9*", 10).Iterator(), true)
	scanned("sscan", db.SScan(ctx, "scan:s", 0, "", 100).Iterator(), false)
	scanned("zscan", db.ZScan(ctx, "scan:z", 0, "m99*", 10).Iterator(), true)
}

func streams() {
	for number := 1; number < 6; number++ {
		do(db.XAdd(ctx, &redis.XAddArgs{Stream: "x", ID: fmt.Sprint(number, "-1"),
			Values: []any{"n", number, "b", allBytes}}))
	}
	do(db.XAdd(ctx, &redis.XAddArgs{Stream: "x", ID: "1-1", Values: []any{"n", 0}}))
	do(db.XLen(ctx, "x"))
	do(db.XRangeN(ctx, "x", "2", "4", 2))
	do(db.XRevRangeN(ctx, "x", "+", "-", 1))
	do(db.XRead(ctx, &redis.XReadArgs{Streams: []string{"x", "none", "3-1", "0"}, Count: 1, Block: -1}))
	do(db.XRead(ctx, &redis.XReadArgs{Streams: []string{"x", "$"}, Block: 20 * time.Millisecond}))
	do(db.XGroupCreate(ctx, "x", "g", "0"))
	do(db.XGroupCreate(ctx, "x", "g", "0"))
	do(db.XGroupCreateMkStream(ctx, "y", "g", "$"))
	do(db.XReadGroup(ctx, &redis.XReadGroupArgs{Group: "g", Consumer: "ann",
		Streams: []string{"x", ">"}, Count: 3, Block: -1}))
	do(db.XAck(ctx, "x", "g", "1-1"))
	pending, err := db.XPending(ctx, "x", "g").Result()
	say("xpending", pending, err)
	do(db.XClaim(ctx, &redis.XClaimArgs{Stream: "x", Group: "g", Consumer: "bob",
		Messages: []string{"2-1"}}))
	claimed, start, err := db.XAutoClaim(ctx, &redis.XAutoClaimArgs{Stream: "x", Group: "g",
		Consumer: "bob", Start: "0"}).Result()
	say("xautoclaim", []any{plain(claimed), start}, err)
	groups, err := db.XInfoGroups(ctx, "x").Result()
	say("xinfo groups", groups, err)
	do(db.XDel(ctx, "x", "2-1"))
	do(db.XTrimMaxLen(ctx, "x", 3))
	do(db.XGroupDelConsumer(ctx, "x", "g", "bob"))
	do(db.XGroupDestroy(ctx, "x", "g"))
	whileWaiting(func() {
		do(db.XRead(ctx, &redis.XReadArgs{Streams: []string{"y", "$"}, Block: 20 * time.Second}))
	}, func(other *redis.Client) {
		other.XAdd(ctx, &redis.XAddArgs{Stream: "y", ID: "9-9", Values: []any{"k", "v"}})
	})
	waiting := &redis.XReadGroupArgs{Group: "g", Consumer: "ann", Streams: []string{"y", ">"}, Block: -1}
	do(db.XReadGroup(ctx, waiting))
	waiting.Block = 20 * time.Second
	whileWaiting(func() { do(db.XReadGroup(ctx, waiting)) }, func(other *redis.Client) {
		other.XAdd(ctx, &redis.XAddArgs{Stream: "y", ID: "9-10", Values: []any{"k", "w"}})
	})
}

func scripts() {
	do(db.Eval(ctx, "return {1, 'two', redis.call('SET', KEYS[1], ARGV[1]), false}",
		[]string{"k"}, "v"))
	do(db.Eval(ctx, "return ARGV[1]", nil, allBytes))
	do(db.Eval(ctx, "return redis.call('HGETALL', KEYS[1])", []string{"none"}))
	do(db.Eval(ctx, "return redis.error_reply('MINE words')", nil))
	do(db.Eval(ctx, "return redis.call('INCR', KEYS[1])", []string{"k"}))
	do(db.EvalSha(ctx, strings.Repeat("0", 40), nil))
	do(db.ScriptLoad(ctx, "return #KEYS"))
	sha := db.ScriptLoad(ctx, "return #KEYS").Val()
	do(db.EvalSha(ctx, sha, []string{"a", "b"}))
	do(db.ScriptExists(ctx, sha, strings.Repeat("0", 40)))
	do(db.ScriptFlush(ctx))
	script := redis.NewScript("return redis.call('INCRBY', KEYS[1], ARGV[1])")
	do(script.Run(ctx, db, []string{"n"}, 5))
	do(script.Run(ctx, db, []string{"n"}, 6))
}
