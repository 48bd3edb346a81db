// What the Go program prints: one JSON line a step, the same for equal replies.
package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"sort"
	"time"

	"github.com/redis/go-redis/v9"
)

var section string

// text shows bytes that are not printable ASCII in hexadecimal.
func text(value string) any {
	for _, character := range []byte(value) {
		if character < ' ' || character > '~' {
			shown := "hex " + hex.EncodeToString([]byte(value))
			if len(shown) > 1000 {
				return []any{len(value), shown[:100], shown[len(shown)-100:]}
			}
			return shown
		}
	}
	return value
}

// plain gives a reply a form that JSON can hold.
func plain(value any) any {
	switch value := value.(type) {
	case nil, bool, int, int64:
		return value
	case float64:
		if math.IsInf(value, 0) || math.IsNaN(value) {
			return fmt.Sprint("number ", value)
		}
		return value
	case string:
		return text(value)
	case error:
		return map[string]string{"error": value.Error()}
	case time.Duration:
		return value.String()
	case []string:
		return list(value)
	case []any:
		return list(value)
	case []redis.Z:
		return list(value)
	case []*redis.GeoPos:
		return list(value)
	case redis.Z:
		return []any{plain(value.Score), plain(value.Member)}
	case map[string]string:
		shown := map[string]any{}
		for key, item := range value {
			shown[fmt.Sprint(text(key))] = text(item)
		}
		return shown
	case map[any]any:
		shown := map[string]any{}
		for key, item := range value {
			shown[fmt.Sprint(plain(key))] = plain(item)
		}
		return shown
	case []redis.XMessage:
		return list(value)
	case redis.XMessage:
		return []any{value.ID, plain(mapOf(value.Values))}
	case []redis.XStream:
		return list(value)
	case redis.XStream:
		return []any{value.Stream, plain(value.Messages)}
	case *redis.Message:
		return []any{"message", value.Channel, value.Pattern, text(value.Payload)}
	case *redis.Subscription:
		return []any{value.Kind, value.Channel, value.Count}
	}
	return value
}

func mapOf(values map[string]any) map[any]any {
	result := map[any]any{}
	for key, value := range values {
		result[key] = value
	}
	return result
}

func list[T any](values []T) []any {
	shown := []any{}
	for _, value := range values {
		shown = append(shown, plain(value))
	}
	return shown
}

// say prints a step: what the client returned, or its error.
func say(step string, reply any, err error) {
	shown := plain(reply)
	if err != nil {
		shown = plain(err)
	}
	line, err := json.Marshal([]any{section, step, shown})
	if err != nil {
		panic(err)
	}
	fmt.Fprintln(os.Stdout, string(line))
}

// command is what every typed command of go-redis has besides its Result.
type command[T any] interface {
	Name() string
	Result() (T, error)
}

// do prints what a typed command returned.
func do[T any](cmd command[T]) {
	value, err := cmd.Result()
	say(cmd.Name(), value, err)
}

// unordered is do for replies whose order means nothing.
func unordered(cmd command[[]string]) {
	value, err := cmd.Result()
	sort.Strings(value)
	say(cmd.Name(), value, err)
}
