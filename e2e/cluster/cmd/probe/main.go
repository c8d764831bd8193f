// Command probe is the program that pods of the node's own check run. Each argument list is one
// small deed: serve, get, put, wait.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

const (
	account  = "/var/run/secrets/kubernetes.io/serviceaccount/"
	patience = 60 * time.Second
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("usage: probe serve ADDRESS [FILE] | get URL… | put FILE TEXT | wait FILE")
	}
	switch args[0] {
	case "serve":
		return serve(args[1], args[2:])
	case "get":
		return getAll(args[1:])
	case "put":
		return os.WriteFile(args[1], []byte(strings.Join(args[2:], " ")+"\n"), 0o644)
	case "wait":
		return await(args[1])
	default:
		return fmt.Errorf("there is no deed called %s", args[0])
	}
}

// serve answers until it is told to end, and says in a file that it is there.
func serve(address string, announce []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	for _, file := range announce {
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			return err
		}
	}
	server := http.Server{Addr: address, ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(answer)}
	ended := make(chan error, 1)
	go func() { ended <- server.ListenAndServe() }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return server.Close()
	}
}

func answer(writer http.ResponseWriter, request *http.Request) {
	fmt.Printf("asked for %s\n", request.URL.Path)
	fmt.Fprintf(writer, "served %s\n", request.URL.Path)
}

// getAll asks each URL until it answers well; the API server is asked as the pod's account.
func getAll(urls []string) error {
	client, token := http.Client{Timeout: 3 * time.Second}, ""
	if authority, err := os.ReadFile(account + "ca.crt"); err == nil {
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(authority)
		client.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
		content, _ := os.ReadFile(account + "token")
		token = string(content)
	}
	for _, url := range urls {
		begin := time.Now()
		for {
			err := get(&client, url, token)
			if err == nil {
				break
			}
			if time.Since(begin) > patience {
				return err
			}
			time.Sleep(200 * time.Millisecond)
		}
	}
	return nil
}

func get(client *http.Client, url, token string) error {
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	if token != "" && strings.HasPrefix(url, "https:") {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(response.Body, 200))
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	fmt.Printf("%s: %s\n", url, strings.Join(strings.Fields(string(body)), " "))
	return nil
}

// await waits until the file is there.
func await(file string) error {
	for begin := time.Now(); time.Since(begin) < patience; time.Sleep(50 * time.Millisecond) {
		if _, err := os.Stat(file); err == nil {
			fmt.Println("found", file)
			return nil
		}
	}
	return fmt.Errorf("%s did not come", file)
}
