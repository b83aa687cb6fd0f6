# The service of the modules: returns the login of a token, as GitHub's `/user` does. TOKENS is `token=login …`.
use strict;
use warnings;
use IO::Socket::INET;

my %login = map { split /=/ } split / /, $ENV{TOKENS};
my $listener = IO::Socket::INET->new(LocalPort => 8080, Listen => 64, ReuseAddr => 1) or die "no socket: $!";
local $SIG{TERM} = sub { exit 0 };
while (my $client = $listener->accept) {
    my $token = '';
    while (my $line = <$client>) {
        $token = $1 if $line =~ /^authorization: bearer (\S+)/i;
        last if $line =~ /^\r?$/;
    }
    my $login = $login{$token};
    my $status = $login ? '200 OK' : '401 Unauthorized';
    my $body = $login ? qq({"login":"$login"}) : '{"message":"bad credentials"}';
    print $client "HTTP/1.1 $status\r\ncontent-type: application/json\r\ncontent-length: ", length $body, "\r\nconnection: close\r\n\r\n$body";
    close $client;
}
