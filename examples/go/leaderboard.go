// A leaderboard with go-redis: `go run leaderboard.go [PORT]`, in a module that requires it.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/redis/go-redis/v9"
)

func main() {
	port := "6379"
	if len(os.Args) > 1 {
		port = os.Args[1]
	}
	ctx := context.Background()
	db := redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + port})
	defer db.Close()
	db.Del(ctx, "scores")
	db.ZAdd(ctx, "scores", redis.Z{Score: 120, Member: "ann"}, redis.Z{Score: 95, Member: "bob"},
		redis.Z{Score: 140, Member: "eve"})
	db.ZIncrBy(ctx, "scores", 30, "bob")
	best, err := db.ZRevRangeWithScores(ctx, "scores", 0, 1).Result()
	if err != nil {
		panic(err)
	}
	for _, place := range best {
		fmt.Print(place.Member, " ", place.Score, " ")
	}
	fmt.Println("bob is number", db.ZRevRank(ctx, "scores", "bob").Val()+1)
}
